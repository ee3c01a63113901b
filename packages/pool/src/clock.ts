import { Deadline, type Deadlines } from "./deadlines.js";

/** Readings closer together than this, in milliseconds, and so many in a row, are a burst. */
const burstGapMs = 0.05;
const burstLength = 1_000;
/** Calls that one reading serves in a burst. */
const callsPerReading = 64;

/** A look at the clock. All whom it serves share it: a number would be put on the heap for each of them. */
export interface Look {
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

/**
 * The monotonic time in milliseconds: exact, but in a burst of calls one reading serves up to 64 of them within one turn
 * of the event loop, since reading the clock takes longer than lending a resource.
 *
 * Invariant: `#left` is above 0 only while the deadline is set that ends the burst with the turn.
 */
export class Clock extends Deadline {
  #last: Look = { at: 0 };
  #left = 0;
  #streak = 0;
  readonly #background: Deadlines;

  constructor(background: Deadlines) {
    super();
    this.#background = background;
  }

  /** The time, in a burst at most 63 calls old. */
  now(): Look {
    if (this.#left === 0) return this.look();
    this.#left -= 1;
    return this.#last;
  }

  /** The time, exact. All that is compared with `now` must be read here, or it could seem to lie in the future. */
  look(): Look {
    const look = { at: performance.now() };
    this.#streak = look.at - this.#last.at < burstGapMs ? this.#streak + 1 : 0;
    this.#last = look;
    if (this.#streak < burstLength) return look;
    this.#left = callsPerReading - 1;
    if (!this.waiting) this.#background.set(this, look.at, 0);
    return look;
  }

  /** The time of a `look`. */
  read(): number {
    return this.look().at;
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
