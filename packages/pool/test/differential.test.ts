import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { type Bundle, bundle } from "./bundle.js";
import { runScript } from "./run-script.js";

let built: Bundle;
beforeAll(async () => {
  built = await bundle();
  return () => built[Symbol.asyncDispose]();
}, 60_000);

const timeout = 60_000;

/** Each case in a process of its own, since what it shows would end or hang this one. */
const ours = (body: string) =>
  runScript(`import { Pool } from ${JSON.stringify(pathToFileURL(built.file).href)}; ${body}`);
const genericPool = (body: string) => runScript(`import { createPool } from "generic-pool"; ${body}`);
const tarn = (body: string) => runScript(`import { Pool } from "tarn"; ${body}`);

describe("a create that always fails", () => {
  const create = `
    let calls = 0, timers = 0, blocked;
    setInterval(() => { timers += 1; }, 1).unref();
    const create = async () => {
      calls += 1;
      // Ends what would never end.
      if (calls === 20_000) { blocked = timers === 0; return {}; }
      throw new Error("refused");
    };`;

  test("P5: generic-pool calls it without a pause, so that its own timeout cannot fire", { timeout }, async () => {
    const printed = await genericPool(`${create}
      const pool = createPool({ create, destroy: async () => {} }, { max: 1, acquireTimeoutMillis: 20 });
      await pool.acquire();
      console.log(calls, "calls,", blocked ? "no timer ran" : "timers ran");`);
    expect(printed).toBe("20000 calls, no timer ran (0)");
  });

  test("P5: this pool tells the caller, rests before the next, and times out on time", { timeout }, async () => {
    const printed = await ours(`${create}
      const pool = new Pool({ create, maxPerKey: 1, acquireTimeoutMs: 60 });
      const codes = await Promise.all(Array.from({ length: 20 }, () => pool.acquire("a").catch((error) => error.code ?? error.message)));
      console.log(codes[0], codes.at(-1), calls < 10 ? "few calls" : calls);`);
    expect(printed).toBe("refused ERR_POOL_TIMEOUT few calls (0)");
  });
});

describe("a validate that rejects", () => {
  test("P7: generic-pool loses the slot and leaves an unhandled rejection", { timeout }, async () => {
    const printed = await genericPool(`
      process.on("unhandledRejection", () => console.log("unhandled"));
      const pool = createPool(
        { create: async () => ({}), destroy: async () => {}, validate: async () => { throw new Error("broken"); } },
        { max: 1, testOnBorrow: true, acquireTimeoutMillis: 50 });
      await pool.acquire().catch((error) => console.log(error.name));
      console.log(pool.size, "of 1 taken,", pool.available, "available,", pool.borrowed, "borrowed");`);
    expect(printed).toBe("unhandled, TimeoutError, 1 of 1 taken, 0 available, 0 borrowed (0)");
  });

  test("P7: this pool destroys the resource and makes another", { timeout }, async () => {
    const printed = await ours(`
      const pool = new Pool({ create: async () => ({}), validate: async () => { throw new Error("broken"); }, validateAfterIdleMs: 0, maxPerKey: 1 });
      (await pool.acquire("a")).release();
      await pool.acquire("a", { timeoutMs: 50 });
      const { leased, destroyed } = pool.stats();
      console.log(leased, "leased,", destroyed.invalid, "invalid");`);
    expect(printed).toBe("1 leased, 1 invalid (0)");
  });
});

describe("a task that throws synchronously", () => {
  const task = `() => { throw new Error("oops"); }`;

  test("P12: in generic-pool it keeps its resource forever", { timeout }, async () => {
    const printed = await genericPool(`
      const pool = createPool({ create: async () => ({}), destroy: async () => {} }, { max: 1 });
      await pool.use(${task}).catch(({ message }) => console.log(message));
      console.log(pool.borrowed, "borrowed");`);
    expect(printed).toBe("oops, 1 borrowed (0)");
  });

  test("P12: in this pool it gives it back", { timeout }, async () => {
    const printed = await ours(`
      const pool = new Pool({ create: async () => ({}), maxPerKey: 1 });
      await pool.use("a", ${task}).catch(({ message }) => console.log(message));
      console.log(pool.stats().leases, "leases");`);
    expect(printed).toBe("oops, 0 leases (0)");
  });
});

describe("a destroy that takes its time", () => {
  const factory = `
    let alive = 0, most = 0;
    const create = async () => { alive += 1; most = Math.max(most, alive); return {}; };
    const destroy = async () => { await new Promise((resolve) => setTimeout(resolve, 20)); alive -= 1; };`;

  test("P11: generic-pool makes the next one meanwhile, so more are alive than the limit says", {
    timeout,
  }, async () => {
    const printed = await genericPool(`${factory}
      const pool = createPool({ create, destroy }, { max: 1 });
      pool.destroy(await pool.acquire());
      await pool.acquire();
      console.log("at most", most, "of 1");`);
    expect(printed).toBe("at most 2 of 1 (0)");
  });

  test("P11: this pool waits for it", { timeout }, async () => {
    const printed = await ours(`${factory}
      const pool = new Pool({ create, destroy, maxPerKey: 1 });
      void (await pool.acquire("a")).destroy();
      await pool.acquire("a");
      console.log("at most", most, "of 1");`);
    expect(printed).toBe("at most 1 of 1 (0)");
  });
});

describe("the end", () => {
  test("P19: tarn's reaper holds the process alive while something rests", { timeout }, async () => {
    const printed = await tarn(`
      const pool = new Pool({ create: () => ({}), destroy() {}, min: 0, max: 1 });
      pool.release(await pool.acquire().promise);
      console.log(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, "timer holds it");
      process.exit();`);
    expect(printed).toBe("1 timer holds it (0)");
  });

  test("P19: this pool lets it end", { timeout }, async () => {
    const printed = await ours(`
      const pool = new Pool({ create: async () => ({}) });
      (await pool.acquire("a")).release();
      console.log(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length, "timers hold it");`);
    expect(printed).toBe("0 timers hold it (0)");
  });

  test("P16: tarn lets an acquire after the end wait for its whole timeout", { timeout }, async () => {
    const printed = await tarn(`
      const pool = new Pool({ create: () => ({}), destroy() {}, min: 0, max: 1, acquireTimeoutMillis: 200 });
      await pool.destroy();
      let waited = false;
      setTimeout(() => { waited = true; }, 100);
      await pool.acquire().promise.catch(({ name }) => console.log(name, waited ? "after waiting" : "at once"));`);
    expect(printed).toBe("Error after waiting (0)");
  });

  test("P16: this pool refuses it at once", { timeout }, async () => {
    const printed = await ours(`
      const pool = new Pool({ create: async () => ({}) });
      await pool.close();
      let waited = false;
      setTimeout(() => { waited = true; }, 100);
      await pool.acquire("a").catch(({ name }) => console.log(name, waited ? "after waiting" : "at once"));`);
    expect(printed).toBe("PoolClosedError at once (0)");
  });
});
