const readsPerLook = 16;
const tightLoopMs = 0.05;

const atEndOfTurn: (task: () => void) => unknown = typeof setImmediate === "function" ? setImmediate : queueMicrotask;

/**
 * The monotonic clock, made cheap for tight loops, where looking at it would cost more than all the rest of a hit.
 *
 * Two looks less than 50 µs apart make a tight loop. Only there do the next reads reuse the last look, 15 at most and
 * none beyond the running turn of the event loop. A clock that a test moves by hand is always looked at, since its
 * looks are 0 ms or whole milliseconds apart.
 */
export class Clock {
  #last = Number.NEGATIVE_INFINITY;
  #reuses = 0;
  #endAwaited = false;
  readonly #end = (): void => {
    this.#reuses = 0;
    this.#endAwaited = false;
  };

  /** Milliseconds, monotonic. */
  now(): number {
    if (this.#reuses > 0) {
      this.#reuses -= 1;
      return this.#last;
    }
    return this.#look();
  }

  #look(): number {
    const now = performance.now();
    const elapsedMs = now - this.#last;
    this.#last = now;
    if (elapsedMs > 0 && elapsedMs < tightLoopMs) {
      this.#reuses = readsPerLook - 1;
      if (!this.#endAwaited) atEndOfTurn(this.#end);
      this.#endAwaited = true;
    }
    return now;
  }
}
