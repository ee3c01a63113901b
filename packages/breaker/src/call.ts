import type { ClockReading } from "./clock.js";
import type { Probe } from "./phase.js";
import type { Counters } from "./stats.js";

/**
 * An admitted call that has not ended yet. The first of the three methods counts, the others do nothing then.
 *
 * Each gives true where it counted for the state of the breaker. It gives false where the call had ended before, by its
 * probe timeout too, and where the breaker has changed its state since: then the call is in the totals only.
 */
export interface Permit {
  /** The call ended with `value`, which `classify` judges. */
  success(value?: unknown): boolean;
  /** The call failed with `error`, which `classify` judges. */
  failure(error?: unknown): boolean;
  /** The call proved nothing. */
  ignore(): boolean;
}

/** One admitted call from its admission to its end. */
export class Call implements Probe {
  readonly #start: ClockReading;
  /** The breaker's generation then; in another one its result has no effect. */
  readonly generation: number;
  /** Where its result is counted. */
  readonly counters: Counters;
  /** A call ends once: by its result, by its caller's abort, or by the time-out of a probe. */
  settled = false;

  constructor(start: ClockReading, generation: number, counters: Counters) {
    this.#start = start;
    this.generation = generation;
    this.counters = counters;
  }

  /** On the monotonic clock; 0 where nothing depends on it. */
  get admittedAt(): number {
    return this.#start.at;
  }
}
