/** The longest delay a timer can have; longer ones would fire at once. */
export const longestTimerMs = 2_147_483_647;

/** A timer that fires once. Started again while it runs, it goes on as it is. */
export class Timer {
  #timer: ReturnType<typeof setTimeout> | undefined;

  get isRunning(): boolean {
    return this.#timer !== undefined;
  }

  /** Calls `run` after `ms`, which may be endless. */
  start(ms: number, run: () => void): void {
    if (this.isRunning || ms > longestTimerMs) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      run();
    }, ms);
  }

  /** Says whether somebody waits for it, which keeps the process alive. In browsers a timer is a number and holds nothing. */
  setAwaited(isAwaited: boolean): void {
    if (typeof this.#timer !== "object") return;
    if (isAwaited) this.#timer.ref();
    else this.#timer.unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
