import type { MinionClient } from "@minion/client";
import type { Metrics } from "@minion/metrics";
import type { Playground } from "./servers.js";

/** What a step of the tour may use. */
export interface Stage {
  readonly client: MinionClient;
  readonly metrics: Metrics;
  readonly metricsUrl: string;
  readonly playground: Playground;
}

/** What a step found: its claim holds or not, in words and in figures, all of them measured in this run. */
export interface Finding {
  readonly ok: boolean;
  readonly says: string;
  readonly figures: Readonly<Record<string, number | string | boolean>>;
}

/** One step of the tour. */
export interface Step {
  readonly id: string;
  readonly title: string;
  run(stage: Stage): Promise<Finding>;
}

/** A step gives up on what has not come by then, on a machine of any speed. */
export const patienceMs = 120_000;

/** Milliseconds that `task` takes, and its result. */
export async function timed<T>(task: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> {
  const begin = performance.now();
  const value = await task();
  return { ms: performance.now() - begin, value };
}

/** The middle of `values`. Throws `RangeError` for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted[sorted.length >> 1];
  if (middle === undefined) throw new RangeError("median: there must be at least one value");
  return middle;
}

/** A duration for people: three digits and the unit that fits. */
export function duration(ms: number): string {
  if (ms < 1) return `${(ms * 1_000).toPrecision(3)} µs`;
  if (ms < 1_000) return `${Number(ms.toPrecision(3))} ms`;
  return `${(ms / 1_000).toPrecision(3)} s`;
}

/** How many times, for people. */
export function times(ratio: number): string {
  return `${Math.round(ratio).toLocaleString("en-US")}x`;
}
