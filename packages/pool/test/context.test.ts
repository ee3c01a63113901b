import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { type Bundle, bundle } from "./bundle.js";
import { runScript } from "./run-script.js";

let built: Bundle;
beforeAll(async () => {
  built = await bundle();
  return () => built[Symbol.asyncDispose]();
}, 60_000);

const run = (body: string) =>
  runScript(`
    import { AsyncLocalStorage } from "node:async_hooks";
    import { setFlagsFromString } from "node:v8";
    import { runInNewContext } from "node:vm";
    import { Pool } from ${JSON.stringify(pathToFileURL(built.file).href)};
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc");
    const storage = new AsyncLocalStorage();
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const until = async (holds) => { while (!holds()) await wait(5); };
    ${body}
    process.exit(0);`);

test("P20: create, validate, reset, destroy, onEvent, abort listeners and rounds run in nobody's context", {
  timeout: 60_000,
}, async () => {
  const printed = await run(`
    const seen = new Set();
    const note = (what) => seen.add(what + " in " + (storage.getStore() ?? "nobody") + "'s");
    const request = (name, task) => storage.run(name, task);
    const pool = request("the maker", () => new Pool({
      create: async (key, { signal }) => {
        signal.addEventListener("abort", () => note("abort of create"));
        note("create"); await wait(1); note("create");
        if (key === "fails") throw new Error("refused");
        return key === "hangs" ? new Promise(() => {}) : { key };
      },
      validate: async (_, { signal }) => { signal.addEventListener("abort", () => note("abort")); note("validate"); return true; },
      reset: async () => { note("reset"); await null; note("reset"); },
      destroy: async (_, { reason }) => { note("destroy"); await null; note("destroy"); if (reason === "idle") seen.add("idle"); },
      onEvent: ({ type }) => note(type),
      maxPerKey: 1, validateAfterIdleMs: 0, maxIdleMs: 40, maintenanceMs: 15, leakThresholdMs: 5, createTimeoutMs: 500, minIdlePerKey: 0,
    }));
    await Promise.all(["one", "two", "three"].map((name) => request(name, () => pool.use("a", () => wait(10)))));
    await request("four", () => pool.use("a", () => {}));
    await until(() => seen.has("idle"));
    const lease = await request("five", () => pool.acquire("a"));
    request("five", () => lease.signal.addEventListener("abort", () => note("abort of a lease")));
    await request("six", () => pool.acquire("a", { timeoutMs: 5 }).catch(() => {}));
    await request("seven", () => pool.acquire("fails").catch(() => {}));
    request("eight", () => pool.acquire("hangs").catch(() => {}));
    await wait(5);
    await request("nine", () => pool.clear("a", { graceMs: 0 }));
    await request("ten", () => pool.close({ graceMs: 0 }));
    seen.delete("idle");
    const foreign = [...seen].filter((line) => !line.endsWith("in nobody's"));
    const kinds = ["create", "validate", "reset", "destroy", "abort of create", "abort of a lease", "created", "createFailed", "acquired", "released", "timedOut", "leaked", "destroyed"];
    console.log(foreign.join() || "none foreign", kinds.filter((kind) => !seen.has(kind + " in nobody's")).join() || "none missing");
  `);
  expect(printed).toBe("none foreign none missing (0)");
});

test("P20: 2,000 requests with 40 kB stores leave none behind while the pool lives on", {
  timeout: 60_000,
}, async () => {
  const printed = await run(`
    const pool = new Pool({ create: async () => { await null; return {}; }, reset: async () => {}, maxPerKey: 5, maxTotal: 400, leakThresholdMs: 60_000, onEvent: () => {} });
    const stores = [];
    const stop = new AbortController();
    const request = (id) => {
      const store = { body: new Array(5_000).fill(id) };
      stores.push(new WeakRef(store));
      return storage.run(store, () => pool.use("host-" + (id % 80), () => null, { signal: stop.signal }));
    };
    for (let id = 0; id < 2_000; id += 50) await Promise.all(Array.from({ length: 50 }, (_, k) => request(id + k)));
    for (let round = 0; round < 4; round += 1) { await wait(5); collect(); }
    console.log(stores.filter((ref) => ref.deref() !== undefined).length, pool.stats().acquired);
  `);
  expect(printed).toBe("0 2000 (0)");
});
