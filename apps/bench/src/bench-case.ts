import type { Group } from "./arguments.js";
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

/** What is measured together, in a process of its own so that it inherits no heap, no timers and no compiled code of another. */
export interface BenchCase {
  /** Unique over all groups. */
  readonly id: string;
  readonly group: Group;
  run(effort: Effort): Promise<Findings>;
}

export const fullEffort: Effort = { quick: false, rounds: 9, roundMs: 100 };
export const quickEffort: Effort = { quick: true, rounds: 3, roundMs: 25 };
