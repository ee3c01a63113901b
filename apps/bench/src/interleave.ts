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
 */
export async function interleave(contenders: readonly Contender[], rounds: number): Promise<Samples> {
  const samples: Record<string, number[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(turn + round + 1) % contenders.length];
      if (contender === undefined) continue;
      globalThis.gc?.();
      const figure = await contender.sample();
      if (round >= 0) samples[contender.name]?.push(figure);
    }
  }
  return samples;
}

/**
 * Nanoseconds per operation, interleaved. Each figure is the median of mitata's batches.
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
        // What runs cold for the first time must not decide whether mitata batches.
        await run();
        const { p50 } = await measure(run, {
          min_cpu_time: effort.roundMs * 1e6,
          min_samples: 5,
          warmup_samples: 10,
        });
        return p50 / per;
      },
    }),
  );
  return interleave(contenders, effort.rounds);
}
