import { Pool } from "@minion/pool";
import * as lightning from "lightning-pool";
import type { BenchCase, BenchCases } from "../bench-case.js";
import type { Growth } from "../growth.js";
import { timeEach } from "../interleave.js";
import { bytesHeldBy } from "../memory.js";
import { create, destroy, genericPool, type Resource, tarnPool } from "../pool-peers.js";
import { compare, type Samples } from "../row.js";
import { median, unevenness } from "../statistics.js";

const warm: BenchCase = async (effort) => {
  const pool = new Pool<Resource>({ create });
  const generic = genericPool(10);
  const tarn = tarnPool(10);
  const lightningPool = lightning.createPool<Resource>({ create, destroy }, { max: 10, min: 0 });
  const samples = await timeEach(
    {
      minion: async () => {
        const lease = await pool.acquire("server");
        lease.release();
      },
      "generic-pool": async () => {
        const resource = await generic.acquire();
        await generic.release(resource);
      },
      tarn: async () => {
        const resource = await tarn.acquire().promise;
        return tarn.release(resource);
      },
      "lightning-pool": async () => {
        const resource = await lightningPool.acquire();
        await lightningPool.releaseAsync(resource);
      },
    },
    effort,
  );
  await tarn.destroy();
  return {
    rows: [
      compare({
        name: "warm acquire and release",
        unit: "ns",
        samples,
        against: { fastest: { atMost: 0.35 } },
        note: "one idle resource, at most 10, no validation; only ours keeps a pool per key and a histogram of waits; in a loop as tight as this one ours looks at the clock once for several leases, otherwise at each, which costs some 40 ns more",
      }),
    ],
  };
};

const sizes = [10, 100, 1_000, 10_000] as const;

/** Figures of each size, interleaved, as a plot's points and as the judged unevenness. */
function flatness(samples: Samples): { points: (readonly [number, number])[]; uneven: number } {
  const bySize = sizes.map((size) => samples[String(size)] ?? []);
  return { points: sizes.map((size, index) => [size, median(bySize[index] ?? [])]), uneven: unevenness(bySize) };
}

const keys: BenchCase = async (effort) => {
  const inTurn: Record<string, () => Promise<void>> = {};
  const tenOfThem: Record<string, () => Promise<void>> = {};
  for (const size of sizes) {
    const pool = new Pool<Resource>({ create });
    const names = Array.from({ length: size }, (_, index) => `server-${index}`);
    for (const name of names) (await pool.acquire(name)).release();
    inTurn[size] = cycle(pool, names);
    tenOfThem[size] = cycle(
      pool,
      names.filter((_, index) => index % (size / 10) === 0),
    );
  }
  const all = flatness(await timeEach(inTurn, effort));
  const few = flatness(await timeEach(tenOfThem, effort));
  const growth: Growth = {
    id: "pool-keys",
    title: "Warm acquire and release against the number of keys",
    xLabel: "keys with an idle resource",
    yLabel: "ns per acquire and release",
    series: [
      { name: "10 keys in use", points: few.points },
      { name: "every key in turn", points: all.points },
    ],
  };
  return {
    rows: [
      {
        name: "warm acquire and release, 10 to 10,000 keys",
        unit: "ns",
        ours: few.points[0]?.[1] ?? Number.NaN,
        peers: [],
        checks: [
          { of: "dearest to cheapest size, 10 keys in use", unit: "x", value: few.uneven, bound: { atMost: 1.25 } },
          { of: "dearest to cheapest size, every key in turn", unit: "x", value: all.uneven },
        ],
        note: "with every key in turn 10,000 keys no longer fit the processor's cache, as no map of that size does",
      },
    ],
    growth: [growth],
  };
};

function cycle(pool: Pool<Resource>, names: readonly string[]): () => Promise<void> {
  let next = 0;
  return async () => {
    const lease = await pool.acquire(names[next] ?? "");
    next = next + 1 === names.length ? 0 : next + 1;
    lease.release();
  };
}

const memory: BenchCase = async () => {
  const count = 10_000;
  const name = (index: number): string => `server-${index}`;
  const idle = await bytesHeldBy(async () => {
    const pool = new Pool<Resource>({ create });
    for (let index = 0; index < count; index += 1) (await pool.acquire(name(index))).release();
    return pool;
  });
  const emptied = new Pool<Resource>({ create });
  const round = async (): Promise<void> => {
    for (let index = 0; index < count; index += 1) await (await emptied.acquire(name(index))).destroy();
  };
  // The first rounds leave what a pool needs once, whatever it holds.
  for (let warmUp = 0; warmUp < 3; warmUp += 1) await round();
  const rounds = 10;
  const left = await bytesHeldBy(async () => {
    for (let done = 0; done < rounds; done += 1) await round();
    return emptied;
  });
  const perEmptied = Math.max(0, left / count / rounds);
  return {
    rows: [
      {
        name: "a key with one idle resource",
        unit: "B",
        ours: idle / count,
        peers: [],
        checks: [],
        note: `in a pool of ${count} keys, resource included`,
      },
      {
        name: "a key that was used and is empty",
        unit: "B",
        ours: perEmptied,
        peers: [],
        checks: [
          { of: "records left", unit: "count", value: emptied.keys().length, bound: { atMost: 0 } },
          { of: "per key", unit: "B", value: perEmptied, bound: { atMost: 4 } },
        ],
        note: `after ${count * rounds} keys; the bound of 4 bytes is the noise of the heap's own figure`,
      },
    ],
  };
};

export const poolCases: BenchCases = {
  "pool-warm": warm,
  "pool-keys": keys,
  "pool-memory": memory,
};
