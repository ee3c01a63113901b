import type { Group } from "./arguments.js";
import type { BenchCases } from "./bench-case.js";

export interface CaseEntry {
  readonly id: string;
  readonly group: Group;
}

/** Where the cases of a group are. Loaded by the process that measures one of them, so that no other package is in it. */
const files: Readonly<Record<Group, readonly (() => Promise<BenchCases>)[]>> = {
  headlines: [async () => (await import("./cases/headlines.js")).headlineCases],
  breaker: [async () => (await import("./cases/breaker.js")).breakerCases],
  pool: [
    async () => (await import("./cases/pool.js")).poolCases,
    async () => (await import("./cases/pool-waiters.js")).poolWaiterCases,
  ],
  cache: [async () => (await import("./cases/cache.js")).cacheCases],
  client: [
    async () => (await import("./cases/client-calls.js")).clientCallCases,
    async () => (await import("./cases/client-modern.js")).clientModernCases,
    async () => (await import("./cases/client-lists.js")).clientListCases,
    async () => (await import("./cases/client-growth.js")).clientGrowthCases,
    async () => (await import("./cases/client-schemas.js")).clientSchemaCases,
    async () => (await import("./cases/client-load.js")).clientLoadCases,
    async () => (await import("./cases/client-floods.js")).clientFloodCases,
  ],
  metrics: [async () => (await import("./cases/metrics.js")).metricsCases],
};

export async function loadCases(group: Group): Promise<BenchCases> {
  const found = await Promise.all(files[group].map((load) => load()));
  return Object.assign({}, ...found);
}

export async function casesOf(groups: readonly Group[]): Promise<readonly CaseEntry[]> {
  const found = await Promise.all(
    groups.map(async (group) => Object.keys(await loadCases(group)).map((id) => ({ id, group }))),
  );
  return found.flat();
}
