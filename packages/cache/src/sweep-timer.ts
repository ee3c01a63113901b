import { runInOwnContext } from "./own-context.js";
import { longestTimerMs } from "./timer.js";

/** One repeating timer that keeps no process alive, nor the async context of whoever had it started. */
export class SweepTimer {
  readonly #intervalMs: number;
  readonly #sweep: () => void;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(intervalMs: number, sweep: () => void) {
    this.#intervalMs = intervalMs;
    this.#sweep = sweep;
  }

  /** Runs while there is work, stands still otherwise. */
  runWhile(work: boolean): void {
    if (work === (this.#timer !== undefined)) return;
    if (!work) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else if (this.#intervalMs !== Number.POSITIVE_INFINITY) {
      // It runs from now on, and in nobody's context from the next microtask on.
      const started = this.#start();
      runInOwnContext(() => {
        if (this.#timer !== started) return;
        clearInterval(started);
        this.#start();
      });
    }
  }

  #start(): ReturnType<typeof setInterval> {
    const timer = setInterval(this.#sweep, Math.min(this.#intervalMs, longestTimerMs));
    // In browsers a timer is a number and holds nothing alive.
    if (typeof timer === "object") timer.unref();
    this.#timer = timer;
    return timer;
  }
}
