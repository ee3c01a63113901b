import { countOf, type PoolSnapshot, type ServerSnapshot } from "./snapshot.js";

const counters = [
  "acquired",
  "released",
  "timeouts",
  "cancelled",
  "rejected",
  "created",
  "createFailures",
  "waits",
  "waitMs",
  "createMs",
  "useMs",
] as const;

/** The counters of a pool, without its gauges. */
export type PoolCounters = Readonly<Record<(typeof counters)[number], number>> &
  Pick<PoolSnapshot, "destroyed" | "acquireMs">;

const none: PoolCounters = {
  acquired: 0,
  released: 0,
  timeouts: 0,
  cancelled: 0,
  rejected: 0,
  created: 0,
  createFailures: 0,
  waits: 0,
  waitMs: 0,
  createMs: 0,
  useMs: 0,
  destroyed: {},
  acquireMs: { bounds: [], counts: [], sum: 0 },
};

/** `total`, with what `now` has more than `before`. */
function grow(total: PoolCounters, now: PoolCounters, before: PoolCounters): PoolCounters {
  const gain = (after: number, earlier: number | undefined = 0) => Math.max(0, after - earlier);
  const grown = { ...none };
  for (const name of counters) grown[name] = total[name] + gain(now[name], before[name]);
  const destroyed = { ...total.destroyed };
  for (const [reason, count] of Object.entries(now.destroyed))
    destroyed[reason] = countOf(destroyed, reason) + gain(count, countOf(before.destroyed, reason));
  const { bounds, counts, sum } = now.acquireMs;
  return {
    ...grown,
    destroyed,
    acquireMs: {
      bounds,
      counts: counts.map(
        (count, index) => (total.acquireMs.counts[index] ?? 0) + gain(count, before.acquireMs.counts[index]),
      ),
      sum: total.acquireMs.sum + gain(sum, before.acquireMs.sum),
    },
  };
}

/**
 * Adds up the pool counters of a client's servers into totals that never fall. A server's own sum may: a pool forgets
 * the counts of a key that is empty, and a server can be removed. Read as a counter that would be a reset, and
 * Prometheus would count the rest of the sum a second time.
 */
export class PoolTotals {
  readonly #seen = new Map<string, PoolCounters>();
  #total = none;

  /** Takes in the servers as they are now. Throws where one's histogram has other bounds than the rest. */
  update(servers: readonly ServerSnapshot[], names: ReadonlySet<string>): PoolCounters {
    for (const name of this.#seen.keys()) if (!names.has(name)) this.#seen.delete(name);
    for (const { name, pool } of servers) {
      const known = this.#total.acquireMs.bounds;
      if (known.length > 0 && known.join() !== pool.acquireMs.bounds.join())
        throw new RangeError(`the pool of ${name} has other histogram bounds than the rest`);
      this.#total = grow(this.#total, pool, this.#seen.get(name) ?? none);
      this.#seen.set(name, pool);
    }
    return this.#total;
  }
}
