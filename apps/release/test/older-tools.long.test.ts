import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emptyProject, npmInstall, packages, removeFolders, root, run, tarballOf } from "./support.js";

const minutes = 60_000;
let project = "";

beforeAll(async () => {
  project = await emptyProject("older-tools");
  const tools = ["typescript@5.2.2", "@types/node@20", "jest@30.5.2", "babel-jest@30.5.2", "@babel/preset-env@7"];
  const what = [...packages.map(tarballOf), "prom-client@15", ...tools];
  await npmInstall(project, ...what);
}, 10 * minutes);

afterAll(removeFolders);

const parts = `
import { CircuitBreaker, type StateChange } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { Metrics } from "@minion/metrics";
import { type Lease, Pool } from "@minion/pool";
const pool = new Pool({ create: async (key: string) => key.length });
export const lease: Promise<Lease<number>> = pool.acquire("a");
export const value: Promise<string> = new Cache<string>().getOrSet("k", () => "v");
export const breaker = new CircuitBreaker({ onStateChange: (change: StateChange) => change.reason });
export const metrics: Metrics = new Metrics().watchPool(pool).watchBreaker(breaker);
// @ts-expect-error the types are there, so a mistake is found
new Pool({ create: 5 });
`;

const withSdk = `
import { startChaosServer } from "@minion/chaos";
import { MinionClient } from "@minion/client";
export const client = new MinionClient({ servers: {} });
export const called: Promise<object> = client.callTool("a", "b");
export const server: Promise<object> = startChaosServer({});
// @ts-expect-error the types are there, so a mistake is found
new MinionClient({ servers: 5 });
`;

/** What TypeScript 5.2 has to say; nothing is good. */
async function compile(source: string, options: Readonly<Record<string, unknown>>): Promise<string> {
  await writeFile(join(project, "main.ts"), source);
  const common = { strict: true, noEmit: true, target: "ES2022", types: ["node"] };
  const config = { compilerOptions: { ...common, ...options }, files: ["main.ts"] };
  await writeFile(join(project, "tsconfig.json"), JSON.stringify(config));
  const tsc = join(project, "node_modules", "typescript", "bin", "tsc");
  return (await run(process.execPath, [tsc, "-p", "."], { cwd: project, allowFailure: true })).stdout;
}

for (const [module, moduleResolution] of [
  ["ESNext", "node10"],
  ["CommonJS", "node10"],
  ["Node16", "node16"],
  ["NodeNext", "nodenext"],
  ["ESNext", "bundler"],
]) {
  test(
    `X1: TypeScript 5.2 checks every package with ${module} and ${moduleResolution}`,
    async () => {
      const how = { module, moduleResolution };
      expect(await compile(parts, { ...how, lib: ["ES2022"], skipLibCheck: false })).toBe("");
      // Under node10 the types of the SDK's dependencies do not check; the SDK's own types name those of the DOM.
      expect(await compile(withSdk, { ...how, lib: ["ES2022", "DOM"], skipLibCheck: true })).toBe("");
    },
    5 * minutes,
  );
}

test("X1: the tarball of each package has the licence, and what main and types name", async () => {
  for (const name of packages) {
    const home = join(project, "node_modules", "@minion", name);
    const manifest = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
    for (const file of [manifest.main, manifest.types, "LICENSE"])
      expect((await readFile(join(home, file), "utf8")).length, `${name}: ${file}`).toBeGreaterThan(0);
    expect(await readFile(join(home, "LICENSE"), "utf8")).toBe(await readFile(join(root, "LICENSE"), "utf8"));
  }
});

test(
  "X1: Jest in CommonJS mode runs breaker, pool, cache and metrics as the README sets it up",
  async () => {
    const recipe = /^```js no-run\n([\s\S]*?transformIgnorePatterns[\s\S]*?)^```/m.exec(
      await readFile(join(root, "README.md"), "utf8"),
    )?.[1];
    await writeFile(join(project, "jest.config.cjs"), recipe ?? "");
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "commonjs" }));
    await writeFile(
      join(project, "parts.test.js"),
      `const { CircuitBreaker } = require("@minion/breaker");
       const { Cache } = require("@minion/cache");
       const { Metrics } = require("@minion/metrics");
       const { Pool } = require("@minion/pool");
       test("the parts work", async () => {
         const pool = new Pool({ create: async () => ({}) });
         const breaker = new CircuitBreaker({ name: "db" });
         const metrics = new Metrics().watchPool(pool).watchBreaker(breaker);
         const value = await new Cache().getOrSet("k", () => breaker.execute(() => pool.use("db", () => 7)));
         expect(value).toBe(7);
         expect(await metrics.text()).toContain("mcp_pool_acquires_total 1");
         await pool.close();
       });`,
    );
    const jest = join(project, "node_modules", "jest", "bin", "jest.js");
    const { stderr } = await run(process.execPath, [jest, "--ci"], { cwd: project });
    expect(stderr).toContain("1 passed");
  },
  5 * minutes,
);
