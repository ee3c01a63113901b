const readsPerLook = 16;
const tightLoopMs = 0.05;

/**
 * The monotonic clock, made cheap for tight loops: reading it costs more than everything else in a hit.
 *
 * Two looks less than 50 µs apart make a tight loop. Only there do the next reads reuse the last look, at most 15 of
 * them and never beyond the end of the running macrotask or microtask. Clocks that tests move by hand never take this
 * path: their looks are 0 ms or whole milliseconds apart.
 */
export class Clock {
  #last = Number.NEGATIVE_INFINITY;
  #credit = 0;
  #resetQueued = false;
  readonly #reset = (): void => {
    this.#credit = 0;
    this.#resetQueued = false;
  };

  /** Milliseconds, monotonic, at most 15 reads of the same synchronous run old. */
  now(): number {
    if (this.#credit > 0) {
      this.#credit -= 1;
      return this.#last;
    }
    return this.#look();
  }

  #look(): number {
    const now = performance.now();
    const elapsed = now - this.#last;
    this.#last = now;
    if (elapsed > 0 && elapsed < tightLoopMs) {
      this.#credit = readsPerLook - 1;
      if (!this.#resetQueued) {
        this.#resetQueued = true;
        queueMicrotask(this.#reset);
      }
    }
    return now;
  }
}
