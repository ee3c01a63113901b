import { measure } from "mitata";
import type { Effort } from "./bench-case.js";
import type { Samples } from "./row.js";

/** Gives one figure per round. */
export interface Contender {
  readonly name: string;
  sample(): Promise<number> | number;
}

/**
 * Asks every contender once per round, in an order that moves on by one from round to round, after one round that
 * warms up and is not counted. So no contender is always first, or always after the same other.
 *
 * @param options.collects whether garbage is collected before each figure, so that nobody pays for another's. A whole
 *   collection also makes the engine forget what it knows of objects that live shortly, so that a figure of few and
 *   costly operations would show little but how it learns that again.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
  { collects = true }: { readonly collects?: boolean } = {},
): Promise<Samples> {
  const samples: Record<string, number[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(turn + round + 1) % contenders.length];
      if (contender === undefined) continue;
      if (collects) globalThis.gc?.();
      const figure = await contender.sample();
      if (round >= 0) samples[contender.name]?.push(figure);
    }
  }
  return samples;
}

/**
 * Nanoseconds per operation, interleaved. Each figure is the median of mitata's samples.
 *
 * @param operations what is run over and over; where it returns a promise, it is awaited each time
 * @param per how many operations one run stands for
 */
export function timeEach(
  operations: Readonly<Record<string, () => unknown>>,
  effort: Effort,
  per: number = 1,
): Promise<Samples> {
  const contenders = Object.entries(operations).map(
    ([name, run]): Contender => ({
      name,
      async sample() {
        const { p50 } = await measure(run, {
          ...batching(await quickestRun(run)),
          min_cpu_time: effort.roundMs * 1e6,
          min_samples: 5,
          // Done before each turn already.
          gc: false,
        });
        return p50 / per;
      },
    }),
  );
  return interleave(contenders, effort.rounds);
}

/** Nanoseconds: the least of a few runs, so that one that was interrupted decides nothing. */
async function quickestRun(run: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < 5; tries += 1) {
    const startedAt = performance.now();
    await run();
    least = Math.min(least, (performance.now() - startedAt) * 1e6);
  }
  return least;
}

const sampleNs = 1e6;
const unroll = 4;

/**
 * How mitata is to sample: so many runs together that reading the clock does not count, one by one where a run is long.
 * Left to itself it decides by a single run, which on a busy machine is the wrong one at times.
 */
export function batching(runNs: number): Batching {
  const runs = Math.min(4096, Math.ceil(sampleNs / runNs / unroll) * unroll);
  return runs <= unroll ? { warmup_threshold: -1 } : { ...always, batch_samples: runs, batch_unroll: unroll };
}

interface Batching {
  readonly warmup_threshold: number;
  readonly batch_threshold?: number;
  readonly batch_samples?: number;
  readonly batch_unroll?: number;
}

const always = { warmup_threshold: Number.POSITIVE_INFINITY, batch_threshold: Number.POSITIVE_INFINITY };
