import { Pool } from "@minion/pool";
import type { BenchCase, BenchCases, Effort } from "../bench-case.js";
import { interleave } from "../interleave.js";
import { create, genericPool, type Resource, tarnPool } from "../pool-peers.js";
import type { Samples } from "../row.js";
import { median, pairedRatio, unevenness } from "../statistics.js";

const sizes = [10, 100, 1_000, 10_000] as const;

/**
 * Nanoseconds per turn where `size` callers take turns without end, so that all but one of them wait at any time.
 *
 * Half as many turns go before and are not counted, and no garbage is collected before them: between two figures no waiter
 * is alive, so that the engine would forget their shapes, and a queue that is in use does not learn them again all the time.
 */
async function takeTurns(size: number, turns: number, turn: () => Promise<unknown>): Promise<number> {
  let left = turns + turns / 2;
  let startedAt = Number.NaN;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      if (left === turns) startedAt = performance.now();
      left -= 1;
      await turn();
    }
  };
  await Promise.all(Array.from({ length: size }, caller));
  return ((performance.now() - startedAt) * 1e6) / turns;
}

interface Place {
  readonly resolve: () => void;
  next: Place | undefined;
}

/** The least that a line can be: a promise for each who waits. */
class BareLine {
  #held = false;
  #first: Place | undefined;
  #last: Place | undefined;

  acquire(): Promise<void> | undefined {
    if (this.#held) return new Promise((resolve) => this.#join({ resolve, next: undefined }));
    this.#held = true;
    return undefined;
  }

  release(): void {
    const place = this.#first;
    if (place === undefined) {
      this.#held = false;
      return;
    }
    this.#first = place.next;
    if (place.next === undefined) this.#last = undefined;
    place.resolve();
  }

  #join(place: Place): void {
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
  }
}

const waiters: BenchCase = async (effort: Effort) => {
  const pool = new Pool<Resource>({ create, maxPerKey: 1 });
  const line = new BareLine();
  const generic = genericPool(1);
  const tarn = tarnPool(1);
  const total = effort.quick ? 20_000 : 50_000;
  const measured = (turns: Readonly<Record<string, () => Promise<unknown>>>, rounds: number): Promise<Samples> => {
    const contenders = Object.entries(turns).flatMap(([name, turn]) =>
      sizes.map((size) => ({ name: `${name} ${size}`, sample: () => takeTurns(size, total, turn) })),
    );
    return interleave(contenders, rounds, { collects: false });
  };
  const samples = {
    ...(await measured(
      {
        minion: async () => {
          const lease = await pool.acquire("server");
          lease.release();
        },
        "bare promises": async () => {
          await line.acquire();
          line.release();
        },
      },
      effort.rounds,
    )),
    ...(await measured(
      {
        "generic-pool": async () => {
          const resource = await generic.acquire();
          await generic.release(resource);
        },
        tarn: async () => {
          const resource = await tarn.acquire().promise;
          return tarn.release(resource);
        },
      },
      3,
    )),
  };
  await tarn.destroy();
  const of = (name: string) => sizes.map((size) => samples[`${name} ${size}`] ?? []);
  const bare = of("bare promises");
  const [few = Number.NaN, ...more] = of("minion").map((ours, index) => pairedRatio(ours, bare[index] ?? []));
  const series = ["minion", "bare promises", "generic-pool", "tarn"].map((name) => ({
    name,
    points: of(name).map((rounds, index) => [sizes[index] ?? Number.NaN, median(rounds)] as const),
  }));
  return {
    rows: [
      {
        name: "a waiter, 10 to 10,000 waiting for one resource",
        unit: "ns",
        ours: series[0]?.points[0]?.[1] ?? Number.NaN,
        peers: series.slice(1).map(({ name, points }) => ({ name, value: points[0]?.[1] ?? Number.NaN })),
        checks: [
          {
            of: "dearest size to 10 waiting, in bare promises",
            unit: "x",
            value: Math.max(few, ...more) / few,
            bound: { atMost: 1.25 },
          },
          { of: "dearest to cheapest size", unit: "x", value: unevenness(of("minion")) },
          { of: "dearest to cheapest size, bare promises", unit: "x", value: unevenness(bare) },
        ],
        note: "as many callers take turns forever, all but one of them waiting: queueing, hand-over and release; the figures are those of 10. Ten thousand promises alive cost garbage collection whoever keeps them, so ours is judged in units of a line that keeps nothing else",
      },
    ],
    growth: [
      {
        id: "pool-waiters",
        title: "A waiter's cost against the number of waiters",
        xLabel: "waiting for one resource",
        yLabel: "ns per waiter",
        series,
      },
    ],
  };
};

export const poolWaiterCases: BenchCases = { "pool-waiters": waiters };
