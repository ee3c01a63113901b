import { Cache } from "@minion/cache";
import { LRUCache } from "lru-cache";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { timeEach } from "../interleave.js";
import { bytesHeldBy } from "../memory.js";
import { compare, type Row, type Samples } from "../row.js";
import { median, pairedRatio, unevenness } from "../statistics.js";

interface Value {
  readonly id: number;
}

const ttl = 300_000;
const load = async (): Promise<Value> => ({ id: 1 });

function ours(maxEntries: number): Cache<Value> {
  return new Cache<Value>({ maxEntries, ttlMs: ttl });
}

function lru(max: number): LRUCache<string, Value> {
  return new LRUCache<string, Value>({ max, ttl, fetchMethod: load });
}

function fill(cache: { set(key: string, value: Value): unknown }, size: number): readonly string[] {
  const keys = Array.from({ length: size }, (_, index) => `server-${index}`);
  keys.forEach((key, id) => {
    cache.set(key, { id });
  });
  return keys;
}

/** Asks for the keys in turn. */
function inTurn<T>(keys: readonly string[], read: (key: string) => T): () => T {
  let next = 0;
  return () => {
    const key = keys[next] ?? "";
    next = next + 1 === keys.length ? 0 : next + 1;
    return read(key);
  };
}

const hit: BenchCase = async (effort) => {
  const cache = ours(100);
  const other = lru(100);
  const untimed = new LRUCache<string, Value>({ max: 100 });
  const keys = fill(cache, 100);
  fill(other, 100);
  fill(untimed, 100);
  const reads = await timeEach(
    {
      minion: inTurn(keys, (key) => cache.get(key)),
      "lru-cache": inTurn(keys, (key) => other.get(key)),
      "lru-cache without ttl": inTurn(keys, (key) => untimed.get(key)),
    },
    effort,
  );
  const settled = Promise.resolve(0);
  const loads = await timeEach(
    {
      minion: inTurn(keys, (key) => cache.getOrSet(key, load)),
      "lru-cache fetch": inTurn(keys, (key) => other.fetch(key)),
      "await alone": inTurn(keys, () => settled),
    },
    effort,
  );
  const writes = await timeEach(
    {
      minion: inTurn(keys, (key) => cache.set(key, { id: 2 })),
      "lru-cache": inTurn(keys, (key) => other.set(key, { id: 2 })),
    },
    effort,
  );
  cache.close();
  return {
    rows: [
      compare({
        name: "a get that hits",
        unit: "ns",
        samples: reads,
        against: { "lru-cache": { atMost: 1.5 }, "lru-cache without ttl": undefined },
        note: "100 entries in turn; ours counts the hit and knows the stale windows; in a loop as tight as this one both read the clock once for several calls",
      }),
      beyondAwait(
        compare({
          name: "a getOrSet that hits",
          unit: "ns",
          samples: loads,
          against: { "lru-cache fetch": { atMost: 0.9 } },
        }),
        loads,
      ),
      compare({
        name: "a set over an entry",
        unit: "ns",
        samples: writes,
        against: { "lru-cache": { atMost: 2.5 } },
      }),
    ],
  };
};

/** Adds the ratio of what the calls cost themselves: awaiting what is settled already costs each of them the same. */
function beyondAwait(
  row: Row,
  { minion = [], "lru-cache fetch": fetch = [], "await alone": alone = [] }: Samples,
): Row {
  const net = (samples: readonly number[]): readonly number[] => samples.map((ns, round) => ns - (alone[round] ?? 0));
  const value = pairedRatio(net(minion), net(fetch));
  return {
    ...row,
    checks: [...row.checks, { of: "lru-cache fetch, both without the await", unit: "x", value }],
    note: "await alone: awaiting one settled promise, about half of what a fetch that hits costs; the promise that ours keeps for later hits is made in nobody's async context",
  };
}

const callers = 10_000;

/** As many callers at once of what one `start` gives each of them, each awaiting on its own. */
async function crowd(call: () => Promise<unknown>): Promise<void> {
  const caller = async (): Promise<void> => {
    await call();
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

const flight: BenchCase = async (effort) => {
  let loads = 0;
  let crowds = 0;
  const slowly = async (): Promise<Value> => {
    loads += 1;
    return new Promise((resolve) => setImmediate(() => resolve({ id: 1 })));
  };
  const cache = ours(100);
  const other = new LRUCache<string, Value>({ max: 100, ttl, fetchMethod: slowly });
  const samples = await timeEach(
    {
      minion: async () => {
        crowds += 1;
        cache.invalidate("server");
        await crowd(() => cache.getOrSet("server", slowly));
      },
      "lru-cache fetch": async () => {
        crowds += 1;
        other.delete("server");
        await crowd(() => other.fetch("server"));
      },
      "bare awaits": async () => {
        crowds += 1;
        const shared = slowly();
        await crowd(() => shared);
      },
    },
    effort,
    callers,
  );
  cache.close();
  return {
    rows: [
      compare({
        name: "a caller among 10,000 at once of one cold key",
        unit: "ns",
        samples,
        against: { "bare awaits": { atMost: 3 }, "lru-cache fetch": undefined },
        note: "bare awaits: 10,000 callers that await one promise",
      }),
      {
        name: "loads for 10,000 callers at once",
        unit: "count",
        ours: loads / crowds,
        peers: [],
        checks: [{ of: "per crowd", unit: "count", value: loads / crowds, bound: { atMost: 1 } }],
      },
    ],
  };
};

const sizes = [100, 1_000, 10_000, 100_000] as const;
/** Few enough for the processor's first cache, wherever in memory they lie. */
const inUse = 16;

const growth: BenchCase = async (effort) => {
  const few: Record<string, () => unknown> = {};
  const all: Record<string, () => unknown> = {};
  const caches: Cache<Value>[] = [];
  for (const size of sizes) {
    const cache = ours(size);
    const other = lru(size);
    const keys = fill(cache, size);
    fill(other, size);
    caches.push(cache);
    const some = keys.filter((_, index) => index % Math.floor(size / inUse) === 0).slice(0, inUse);
    few[`minion ${size}`] = inTurn(some, (key) => cache.get(key));
    few[`lru-cache ${size}`] = inTurn(some, (key) => other.get(key));
    all[`minion ${size}`] = inTurn(keys, (key) => cache.get(key));
    all[`lru-cache ${size}`] = inTurn(keys, (key) => other.get(key));
  }
  const samples = { few: await timeEach(few, effort), all: await timeEach(all, effort) };
  for (const cache of caches) cache.close();
  const rounds = (kind: "few" | "all", who: string): readonly (readonly number[])[] =>
    sizes.map((size) => samples[kind][`${who} ${size}`] ?? []);
  const [first = Number.NaN, ...more] = rounds("few", "minion").map((figures, index) =>
    pairedRatio(figures, rounds("few", "lru-cache")[index] ?? []),
  );
  const series = (kind: "few" | "all", who: string, name: string) => ({
    name,
    points: rounds(kind, who).map((figures, index) => [sizes[index] ?? Number.NaN, median(figures)] as const),
  });
  return {
    rows: [
      {
        name: "a get that hits, 100 to 100,000 entries",
        unit: "ns",
        ours: median(samples.few[`minion ${sizes[0]}`] ?? []),
        peers: [{ name: "lru-cache", value: median(samples.few[`lru-cache ${sizes[0]}`] ?? []) }],
        checks: [
          {
            of: "dearest size to 100 entries, in gets of lru-cache",
            unit: "x",
            value: Math.max(first, ...more) / first,
            bound: { atMost: 1.25 },
          },
          {
            of: `dearest to cheapest size, ${inUse} keys in use`,
            unit: "x",
            value: unevenness(rounds("few", "minion")),
          },
          { of: "the same of lru-cache", unit: "x", value: unevenness(rounds("few", "lru-cache")) },
          {
            of: "dearest to cheapest size, every key in turn",
            unit: "x",
            value: unevenness(rounds("all", "minion")),
          },
          { of: "the same of lru-cache", unit: "x", value: unevenness(rounds("all", "lru-cache")) },
        ],
        note: "memory that is spread wider is slower, whoever looks into it, so ours is judged in units of lru-cache, which looks into as much of it; with every key in turn 100,000 entries no longer fit the processor's cache, ours or another's",
      },
    ],
    growth: [
      {
        id: "cache-entries",
        title: "A hit against the number of entries",
        xLabel: "entries",
        yLabel: "ns per get",
        series: [
          series("few", "minion", `minion, ${inUse} in use`),
          series("few", "lru-cache", `lru-cache, ${inUse} in use`),
          series("all", "minion", "minion, all in turn"),
          series("all", "lru-cache", "lru-cache, all in turn"),
        ],
      },
    ],
  };
};

const memory: BenchCase = async () => {
  const size = 100_000;
  const keys = Array.from({ length: size }, (_, index) => `server-${index}`);
  const values = keys.map((_, id) => ({ id }));
  const per = async (make: () => { set(key: string, value: Value): unknown }): Promise<number> => {
    const bytes = await bytesHeldBy(() => {
      const cache = make();
      keys.forEach((key, index) => {
        const value = values[index];
        if (value !== undefined) cache.set(key, value);
      });
      return cache;
    });
    return bytes / size;
  };
  const figures = { minion: await per(() => ours(size)), lru: await per(() => lru(size)) };
  return {
    rows: [
      {
        name: "an entry, key and value not counted",
        unit: "B",
        ours: figures.minion,
        peers: [{ name: "lru-cache", value: figures.lru }],
        checks: [
          { of: "in all", unit: "B", value: figures.minion, bound: { atMost: 200 } },
          { of: "lru-cache", unit: "x", value: figures.minion / figures.lru },
        ],
        note: `${size} entries`,
      },
    ],
  };
};

export const cacheCases: BenchCases = {
  "cache-hit": hit,
  "cache-single-flight": flight,
  "cache-entries": growth,
  "cache-memory": memory,
};
