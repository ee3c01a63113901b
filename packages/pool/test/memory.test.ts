import { setMaxListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { Pool } from "../src/index.js";
import { Factory } from "./fixtures.js";

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

/** Bytes in use after the work beyond those before, garbage aside. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const inUse = () => {
    if (typeof collect === "function") for (let round = 0; round < 3; round += 1) collect();
    return process.memoryUsage().heapUsed;
  };
  // Once before, so that what is compiled and cached stands in both figures.
  await work();
  const before = inUse();
  await work();
  return inUse() - before;
}

const megabyte = 2 ** 20;

test("100,000 leases leave nothing behind", { timeout: 60_000 }, async () => {
  await using pool = new Pool({ create: async (key) => key });
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const grown = await growth(async () => {
    for (let call = 0; call < 100_000; call += 1) (await pool.acquire("a")).release();
    for (let call = 0; call < 1_000; call += 1)
      await Promise.all(
        Array.from({ length: 20 }, () => pool.use("a", (_, lease) => lease.signal.aborted, { signal })),
      );
  });
  expect(grown).toBeLessThan(megabyte);
});

test("P10: 10,000 keys that were used and emptied leave nothing behind", { timeout: 60_000 }, async () => {
  await using pool = new Pool({ create: async (key) => key, maxTotal: 5 });
  let round = 0;
  const grown = await growth(async () => {
    round += 1;
    for (let index = 0; index < 10_000; index += 1) (await pool.acquire(`round ${round}, key ${index}`)).release();
  });
  expect(pool.keys()).toHaveLength(5);
  expect(grown).toBeLessThan(megabyte);
});

test("P2: 10,000 calls given up behind a busy resource leave nothing behind", { timeout: 60_000 }, async () => {
  await using pool = new Pool({ create: new Factory().create, maxPerKey: 1 });
  const held = await pool.acquire("a");
  const grown = await growth(async () => {
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    const calls = Array.from({ length: 10_000 }, (_, index) =>
      pool.acquire("a", { signal: controller.signal, priority: index % 100 }).catch(() => {}),
    );
    controller.abort();
    await Promise.all(calls);
  });
  expect(pool.stats()).toMatchObject({ waiting: 0, cancelled: 20_000 });
  expect(grown).toBeLessThan(megabyte);
  held.release();
});

test("a pool that nobody refers to is collected, its loop and all", { timeout: 60_000 }, async () => {
  const grown = await growth(async () => {
    for (let count = 0; count < 500; count += 1) {
      const pool = new Pool({ create: async () => new Array(10_000).fill(0), maintenanceMs: Number.POSITIVE_INFINITY });
      (await pool.acquire("a")).release();
    }
  });
  expect(grown).toBeLessThan(5 * megabyte);
});
