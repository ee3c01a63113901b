import { Deadline, type Deadlines } from "./deadlines.js";

/** Readings closer together than this, in milliseconds, and so many in a row, are a burst. */
const burstGapMs = 0.05;
const burstLength = 1_000;
/** Calls that one reading serves in a burst. */
const callsPerReading = 16;

/**
 * The monotonic time in milliseconds: exact, but in a burst of calls one reading serves up to 16 of them within one turn
 * of the event loop, since reading the clock takes longer than lending a resource.
 *
 * Invariant: `#left` is above 0 only while the deadline is set that ends the burst with the turn.
 */
export class Clock extends Deadline {
  #reading = 0;
  #left = 0;
  #streak = 0;
  readonly #background: Deadlines;

  constructor(background: Deadlines) {
    super();
    this.#background = background;
  }

  now(): number {
    if (this.#left === 0) return this.read();
    this.#left -= 1;
    return this.#reading;
  }

  /** The time, exact. All that is compared with `now` must be read here, or it could seem to lie in the future. */
  read(): number {
    const now = performance.now();
    this.#streak = now - this.#reading < burstGapMs ? this.#streak + 1 : 0;
    this.#reading = now;
    if (this.#streak < burstLength) return now;
    this.#left = callsPerReading - 1;
    if (!this.waiting) this.#background.set(this, now);
    return now;
  }

  /** Nothing is left to be timed. */
  stop(): void {
    this.#background.cancel(this);
    this.run();
  }

  override run(): void {
    this.#left = 0;
    this.#streak = 0;
  }
}
