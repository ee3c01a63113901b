import type { Look } from "./clock.js";
import type { Probe } from "./phase.js";
import type { Tally } from "./stats.js";

/** An admitted call that has not ended yet. The first of the three methods counts, the others do nothing then. */
export interface Permit {
  /** The call ended with `value`, which `classify` judges. */
  success(value?: unknown): void;
  /** The call failed with `error`, which `classify` judges. */
  failure(error?: unknown): void;
  /** The call proved nothing. */
  ignore(): void;
}

/** One admitted call from its admission to its end. */
export class Call implements Probe {
  readonly #start: Look;
  /** The breaker's generation then; in another one its result has no effect. */
  readonly generation: number;
  /** Where its result is counted. */
  readonly tally: Tally;
  /** A call ends once: by its result, by its caller's abort, or by the time-out of a probe. */
  settled = false;

  constructor(start: Look, generation: number, tally: Tally) {
    this.#start = start;
    this.generation = generation;
    this.tally = tally;
  }

  /** On the monotonic clock; 0 where nothing depends on it. */
  get admittedAt(): number {
    return this.#start.at;
  }
}
