import { AsyncLocalStorage } from "node:async_hooks";
import { pathToFileURL } from "node:url";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Pool } from "../src/index.js";
import { type Bundle, bundle } from "./bundle.js";
import { Factory, follow, microtasks, type Thing } from "./fixtures.js";
import { runScript } from "./run-script.js";

describe("timers exist only with work", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("P19: one for all that rests, one for all who wait, none for what is lent, none at the end", async () => {
    vi.useFakeTimers();
    const { create, destroy } = new Factory();
    const pool = new Pool({ create, destroy, maxPerKey: 1 });
    expect(vi.getTimerCount(), "new").toBe(0);
    const leases = await Promise.all(Array.from({ length: 50 }, (_, index) => pool.acquire(`key ${index}`)));
    expect(vi.getTimerCount(), "lent").toBe(0);
    const waiting = Array.from({ length: 50 }, (_, index) => follow(pool.acquire(`key ${index}`)));
    await microtasks();
    expect(vi.getTimerCount(), "waited for").toBe(1);
    for (const lease of leases) lease.release();
    for (const call of waiting) {
      const result = await call();
      if (result !== "pending" && "value" in result) result.value.release();
    }
    expect(pool.stats()).toMatchObject({ idle: 50 });
    expect(vi.getTimerCount(), "resting").toBe(1);
    await pool.clear();
    expect(vi.getTimerCount(), "cleared").toBe(0);
    await pool.warm("a");
    await pool.close();
    expect(vi.getTimerCount(), "closed").toBe(0);
  });

  test("P19: a burst ends with its turn of the event loop and leaves nothing behind", async () => {
    vi.useFakeTimers();
    const { create, destroy } = new Factory();
    const pool = new Pool({ create, destroy, maxIdleMs: 60_000, maintenanceMs: 50_000 });
    for (let call = 0; call < 5_000; call += 1) (await pool.acquire("a")).release();
    expect(vi.getTimerCount()).toBe(1);
    await vi.advanceTimersByTimeAsync(1_500);
    const lease = await pool.acquire("a");
    expect(lease.idleMs, "the clock is exact again").toBe(1_500);
    await vi.advanceTimersByTimeAsync(10);
    lease.release();
    expect(pool.stats().useMs).toBe(10);
    for (let call = 0; call < 5_000; call += 1) (await pool.acquire("a")).release();
    await (await pool.acquire("a")).destroy();
    expect(vi.getTimerCount()).toBe(0);
  });

  test("a lease taken and given back looks at the clock twice, in a burst one look serves sixty-four of them", async () => {
    const { create, destroy } = new Factory();
    const pool = new Pool({ create, destroy });
    let now = 0;
    let stepMs = 0.0625;
    const look = vi.spyOn(performance, "now").mockImplementation(() => {
      now += stepMs;
      return now;
    });
    const looksOf = async (calls: number): Promise<number> => {
      const before = look.mock.calls.length;
      for (let call = 0; call < calls; call += 1) (await pool.acquire("a")).release();
      return look.mock.calls.length - before;
    };
    await looksOf(1);
    expect(await looksOf(2_000)).toBe(4_000);
    stepMs = 0.001;
    await looksOf(1_000);
    expect(await looksOf(1_600)).toBe(50);
    look.mockRestore();
    await pool.close();
  });
});

describe("async context", () => {
  test("P20: create and validate run in nobody's context, not even the constructor's; the caller goes on in its own", async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const pool = request.run(
      "the application",
      () =>
        new Pool<string>({
          create: async (key) => {
            seen.push(`create in ${request.getStore()}`);
            await Promise.resolve();
            seen.push(`still in ${request.getStore()}`);
            return key;
          },
          validate: () => {
            seen.push(`validate in ${request.getStore()}`);
            return true;
          },
          validateAfterIdleMs: 0,
        }),
    );
    await Promise.all(
      ["first", "second"].map((caller) =>
        request.run(caller, async () => {
          const lease = await pool.acquire("a");
          seen.push(`lent to ${request.getStore()}`);
          lease.release();
        }),
      ),
    );
    await request.run("third", () => pool.use("a", () => seen.push(`lent to ${request.getStore()}`)));
    expect(seen.filter((line) => line.startsWith("lent"))).toEqual([
      "lent to first",
      "lent to second",
      "lent to third",
    ]);
    expect(new Set(seen.filter((line) => !line.startsWith("lent")))).toEqual(
      new Set(["create in undefined", "still in undefined", "validate in undefined"]),
    );
    await pool.close();
  });
});

describe("which timers hold a process alive", () => {
  let built: Bundle;
  beforeAll(async () => {
    built = await bundle();
    return () => built[Symbol.asyncDispose]();
  }, 60_000);

  const run = (body: string) =>
    runScript(`
      import { Pool } from ${JSON.stringify(pathToFileURL(built.file).href)};
      const never = new Promise(() => {});
      const make = (more) => new Pool({ create: async (key) => key, ...more });
      ${body}
      console.log("end of the script");`);

  const day = 86_400_000;
  test.each([
    ["what rests does not", `(await make({ maintenanceMs: ${day} }).acquire("a")).release();`, "end of the script (0)"],
    ["a watched lease does not", `await make({ leakThresholdMs: ${day} }).acquire("a");`, "end of the script (0)"],
    [
      "a creation nobody waits for does not",
      `const stop = new AbortController();
      make({ create: () => never, createTimeoutMs: ${day} }).acquire("a", { signal: stop.signal }).catch(() => console.log("given up"));
      stop.abort();`,
      "end of the script, given up (0)",
    ],
    [
      "a rest after a failure does not",
      `await make({ create: async () => { throw new Error("refused"); }, minIdlePerKey: 1 }).acquire("a").catch(() => console.log("refused"));`,
      "refused, end of the script (0)",
    ],
    [
      "a destroy in the background does not",
      `(await make({ destroy: () => never, destroyTimeoutMs: ${day}, maxUses: 1 }).acquire("a")).release();`,
      "end of the script (0)",
    ],
    [
      "a call that waits does, up to its deadline",
      `await make({ create: () => never }).acquire("a", { timeoutMs: 100 }).catch(({ code }) => console.log(code));`,
      "ERR_POOL_TIMEOUT, end of the script (0)",
    ],
    [
      "a call without a deadline does",
      `const pool = make({ maxPerKey: 1 });
      const held = await pool.acquire("a");
      setTimeout(() => held.release(), 100).unref();
      await pool.acquire("a", { timeoutMs: Infinity });`,
      "end of the script (0)",
    ],
    [
      "close, clear, destroy and warm do while they are awaited",
      `const slow = { destroy: () => never, destroyTimeoutMs: 50, create: (key) => key === "hangs" ? never : Promise.resolve(key), createTimeoutMs: 50 };
      await make(slow).warm("hangs").catch(({ code }) => console.log(code));
      await (await make(slow).acquire("a")).destroy();
      const pool = make(slow);
      await pool.warm("a");
      await pool.clear("a");
      await pool.acquire("a");
      await pool.close({ graceMs: 50 });`,
      "ERR_POOL_CREATE, end of the script (0)",
    ],
  ] as const)("P19: %s", { timeout: 60_000 }, async (_, body, printed) => {
    expect(await run(body)).toBe(printed);
  });

  test("the package imports nothing, so it runs wherever JavaScript does", () => {
    expect(built.imports).toEqual([]);
  });
});

test("P19: where timers are plain numbers, as in a browser, nothing is unref'ed", async () => {
  const real = globalThis.setTimeout;
  const handles: number[] = [];
  vi.stubGlobal("setTimeout", (run: () => void, ms: number) => {
    const handle = Number(real(run, ms));
    handles.push(handle);
    return handle;
  });
  try {
    const pool = new Pool<Thing>({ create: new Factory().create });
    (await pool.acquire("a")).release();
    await pool.close();
    await microtasks();
    expect(handles.length).toBeGreaterThan(0);
  } finally {
    vi.unstubAllGlobals();
  }
});
