import type { Growth } from "./growth.js";
import type { Row } from "./row.js";

/** How long to measure. */
export interface Effort {
  readonly quick: boolean;
  /** Interleaved rounds; the figure is their median. */
  readonly rounds: number;
  /** For each contender in each round. */
  readonly roundMs: number;
}

export interface Findings {
  readonly rows: readonly Row[];
  readonly growth?: readonly Growth[] | undefined;
}

/** What is measured together. */
export type BenchCase = (effort: Effort) => Promise<Findings>;

/** The cases of one file by id; ids are unique over all files. */
export type BenchCases = Readonly<Record<string, BenchCase>>;

export const fullEffort: Effort = { quick: false, rounds: 9, roundMs: 100 };
export const quickEffort: Effort = { quick: true, rounds: 3, roundMs: 25 };
