import { Deadline, type Deadlines } from "./deadlines.js";

/** Readings closer together than this, in milliseconds, and so many in a row, are a burst. */
const burstGapMs = 0.05;
const burstLength = 1_000;
/** Calls that one reading serves in a burst. */
const callsPerReading = 64;

/** One reading of the clock. All calls that it serves share the object: a bare number would be allocated for each of them. */
export interface ClockReading {
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

/**
 * The monotonic time in milliseconds. In a burst of calls one reading serves up to 64 of them within one turn of the event
 * loop, because reading the clock takes longer than lending a resource (docs/decisions/pool-warm.md).
 *
 * Invariant: `#left` is above 0 only while the deadline is set that ends the burst with the turn.
 */
export class Clock extends Deadline {
  #last: ClockReading = { at: 0 };
  #left = 0;
  #streak = 0;
  readonly #background: Deadlines;

  constructor(background: Deadlines) {
    super();
    this.#background = background;
  }

  /** The time, in a burst at most 63 calls old. */
  cachedNow(): ClockReading {
    if (this.#left === 0) return this.now();
    this.#left -= 1;
    return this.#last;
  }

  /** The exact time. An instant that is compared with `cachedNow` must be read here, or it could lie in the future. */
  now(): ClockReading {
    const reading = { at: performance.now() };
    this.#streak = reading.at - this.#last.at < burstGapMs ? this.#streak + 1 : 0;
    this.#last = reading;
    if (this.#streak < burstLength) return reading;
    this.#left = callsPerReading - 1;
    if (!this.waiting) this.#background.set(this, reading.at, 0);
    return reading;
  }

  /** Ends a burst at once. To be called when nothing is left that needs the time. */
  stop(): void {
    this.#background.cancel(this);
    this.run();
  }

  override run(): void {
    this.#left = 0;
    this.#streak = 0;
  }
}
