import { Deadline, type Deadlines } from "./deadlines.js";

/** Readings closer together than this, in milliseconds, and so many in a row, are a burst. */
const burstGapMs = 0.05;
const burstLength = 1_000;
/** Calls that one reading serves in a burst. */
const callsPerReading = 64;
/** Readings in succession that look for a sleep of the machine. */
const looksInSuccession = 64;
/** The wall clock is compared with the monotonic one after this time at the earliest. */
const compareAfterMs = 1_000;
/** The wall clock is set by up to some seconds at times; what is more is a sleep of the machine. */
const shortestSleepMs = 10_000;

/** One reading of the clock. All calls that it serves share the object: a bare number would be allocated for each of them. */
export interface ClockReading {
  /** Milliseconds on the pool's clock. */
  readonly at: number;
}

/**
 * The pool's time in milliseconds: the monotonic clock, and the time that the machine slept, for which that clock stands
 * still on most systems. A sleep shows in the wall clock, which is then ahead by it.
 *
 * In a burst of calls one reading serves up to 64 of them within one turn of the event loop, because reading the clock takes
 * longer than lending a resource (docs/decisions/pool-warm.md).
 * Invariant: `#left` is above 0 only while the deadline is set that ends the burst with the turn.
 */
export class Clock extends Deadline {
  #last: ClockReading = { at: 0 };
  #left = 0;
  #streak = 0;
  #sleptMs = 0;
  #wallAt: number = Date.now();
  #monotonicAt: number = performance.now();
  readonly #background: Deadlines;
  readonly #slept: () => void;

  /** `slept` is called when a sleep of the machine is found. */
  constructor(background: Deadlines, slept: () => void) {
    super();
    this.#background = background;
    this.#slept = slept;
  }

  /** The time, in a burst at most 63 calls old. */
  cachedNow(): ClockReading {
    if (this.#left === 0) return this.nowAfterSleep();
    this.#left -= 1;
    return this.#last;
  }

  /** The exact time. An instant that is compared with `cachedNow` must be read here, or it could lie in the future. */
  now(): ClockReading {
    return this.#read(performance.now());
  }

  /**
   * The exact time, after a look whether the machine has slept. To be used where a resource could be lent that was idle
   * meanwhile. Readings in quick succession take no look, because it takes as long as the reading itself.
   */
  nowAfterSleep(): ClockReading {
    const monotonicAt = performance.now();
    if (this.#streak < looksInSuccession || monotonicAt - this.monotonic(this.#last.at) >= burstGapMs)
      this.#lookForSleep(monotonicAt);
    return this.#read(monotonicAt);
  }

  /** The instant of `performance.now()` that belongs to one of this clock. */
  monotonic(at: number): number {
    return at - this.#sleptMs;
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

  #read(monotonicAt: number): ClockReading {
    const reading = { at: monotonicAt + this.#sleptMs };
    this.#streak = reading.at - this.#last.at < burstGapMs ? this.#streak + 1 : 0;
    this.#last = reading;
    if (this.#streak >= burstLength) this.#beginBurst(monotonicAt);
    return reading;
  }

  #beginBurst(monotonicAt: number): void {
    this.#left = callsPerReading - 1;
    if (!this.waiting) this.#background.set(this, monotonicAt, 0);
  }

  #lookForSleep(monotonicAt: number): void {
    const wallAt = Date.now();
    const sinceCompared = wallAt - this.#wallAt;
    // Below 0 the wall clock was set back.
    if (sinceCompared >= 0 && sinceCompared < compareAfterMs) return;
    // Only a clock that is faked goes back.
    const ahead = sinceCompared - Math.max(0, monotonicAt - this.#monotonicAt);
    this.#wallAt = wallAt;
    this.#monotonicAt = monotonicAt;
    if (ahead <= shortestSleepMs) return;
    this.#sleptMs += ahead;
    this.#slept();
  }
}
