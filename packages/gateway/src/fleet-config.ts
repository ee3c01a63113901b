import { isRecord } from "./is-record.js";

/** One quota at the door: how many calls of tools each combination of `per` may make in a window. */
export interface QuotaRule {
  readonly per: readonly QuotaPart[];
  readonly limit: number;
  /** The window, in milliseconds: a multiple of 1 000, from its first call. */
  readonly perMs: number;
}

/** What calls are counted by. */
export type QuotaPart = "principal" | "server" | "tool";

/** What the `gateway` block says of the fleet: `quotas` and `redis`. */
export interface FleetConfig {
  readonly quotas: readonly QuotaRule[];
  readonly namespace: string | undefined;
}

type Fail = (key: string, problem: string) => never;

const parts: readonly unknown[] = ["principal", "server", "tool"] satisfies QuotaPart[];

/** Reads the two keys. `fail` throws with the key that is wrong. */
export function readFleetConfig(quotas: unknown, redis: unknown, fail: Fail): FleetConfig {
  return { quotas: readQuotas(quotas, fail), namespace: readNamespace(redis, fail) };
}

function readQuotas(value: unknown, fail: Fail): readonly QuotaRule[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return fail("quotas", "it must be an array of { per, limit, perMs }");
  const given: readonly unknown[] = value;
  return given.map((rule, index): QuotaRule => {
    const where = `quotas[${index}]`;
    if (!isRecord(rule)) return fail(where, "it must be an object of { per, limit, perMs }");
    for (const key of Object.keys(rule))
      if (key !== "per" && key !== "limit" && key !== "perMs")
        fail(`${where}.${key}`, "the key is unknown; known are per, limit, perMs");
    const { per, limit, perMs } = rule;
    if (!Array.isArray(per) || !per.every(isPart) || new Set(per).size < per.length)
      return fail(`${where}.per`, 'it must be an array of "principal", "server" and "tool", each once');
    if (!isCount(limit)) return fail(`${where}.limit`, "it must be a positive integer");
    if (!isCount(perMs) || perMs % 1_000 !== 0)
      return fail(`${where}.perMs`, "it must be a number of milliseconds, a multiple of 1000");
    return { per, limit, perMs };
  });
}

function readNamespace(value: unknown, fail: Fail): string | undefined {
  if (value === undefined) return undefined;
  if (!isRecord(value)) return fail("redis", "it must be an object of { namespace }; the URL is given by --redis");
  for (const key of Object.keys(value))
    if (key !== "namespace")
      fail(`redis.${key}`, "the key is unknown; known is namespace; the URL is given by --redis or MINION_REDIS_URL");
  const { namespace } = value;
  if (namespace !== undefined && typeof namespace !== "string") return fail("redis.namespace", "it must be a string");
  return namespace;
}

function isPart(value: unknown): value is QuotaPart {
  return parts.includes(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
