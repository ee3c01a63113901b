import { Timer } from "./timer.js";

/** Readings closer together than this, in milliseconds, are a burst ... */
const burstGapMs = 0.05;
/** ... once there were as many of them in a row; then a reading serves so many calls more. */
const burstLength = 64;
const callsPerReading = 16;

/**
 * The monotonic time in milliseconds, exact, except in a burst of calls: there one reading serves up to 16 calls within
 * one turn of the event loop, since reading a clock takes longer than lending a resource.
 *
 * A timer of 0 ms ends each burst, so no reading outlives the turn it was made in. Invariant: `#left` is above 0 only
 * while that timer is pending.
 */
export class Clock {
  #reading = 0;
  #left = 0;
  #streak = 0;
  #turn: Timer | undefined;

  now(): number {
    if (this.#left === 0) return this.#read();
    this.#left -= 1;
    return this.#reading;
  }

  /** Ends a burst. */
  stop(): void {
    this.#turn?.clear();
    this.#turn = undefined;
    this.#left = 0;
    this.#streak = 0;
  }

  #read(): number {
    const now = performance.now();
    this.#streak = now - this.#reading < burstGapMs ? this.#streak + 1 : 0;
    this.#reading = now;
    if (this.#streak >= burstLength) {
      this.#left = callsPerReading;
      this.#turn ??= new Timer(0, false, () => this.stop());
    }
    return now;
  }
}
