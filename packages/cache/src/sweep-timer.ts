/** The longest delay a timer can have; longer ones would fire at once. */
const longestTimerMs = 2_147_483_647;

/** One repeating timer that keeps no process alive. */
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
      this.#timer = setInterval(this.#sweep, Math.min(this.#intervalMs, longestTimerMs));
      // In browsers a timer is a number and holds nothing alive.
      if (typeof this.#timer === "object") this.#timer.unref();
    }
  }
}
