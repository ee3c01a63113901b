const callsPerReading = 16;
const tightLoopMs = 0.05;
/** The wall clock is compared with the monotonic one at most this often by reads. */
const compareEveryMs = 1_000;
/** The wall clock ahead by more than this since the last comparison: the machine slept. Less is a correction of its time. */
const shortestSleepMs = 10_000;
/** The wall clock counts whole milliseconds, so that two comparisons may differ by less than one without any correction. */
const shortestCorrectionMs = 1;

const atEndOfTurn: (task: () => void) => unknown = typeof setImmediate === "function" ? setImmediate : queueMicrotask;

/** When both clocks were last compared, and by how much the wall clock was ahead then. The same for all caches. */
let comparedAt = performance.now();
let wallAheadMs = Date.now() - comparedAt;
/** How long the machine has slept in all, as far as the monotonic clock does not say so itself. */
let sleptMs = 0;

/** Finds out whether the machine has slept. The clocks of breaker and pool do the same, each for itself. */
function compare(at: number): void {
  const movedMs = Date.now() - at - wallAheadMs;
  // A monotonic clock that jumps back was exchanged for another one, by a test, and says nothing of a sleep.
  if (at >= comparedAt && movedMs > shortestSleepMs) sleptMs += movedMs;
  if (at < comparedAt || Math.abs(movedMs) >= shortestCorrectionMs) wallAheadMs += movedMs;
  comparedAt = at;
}

/** Milliseconds that only grow, sleeps of the machine included as soon as they are noticed: within a second. */
export function exactNow(): number {
  const at = performance.now();
  const uncomparedMs = at - comparedAt;
  if (uncomparedMs >= compareEveryMs || uncomparedMs < 0) compare(at);
  return at + sleptMs;
}

/** An instant of {@link exactNow} in epoch milliseconds: always the same one while the wall clock is not corrected. */
export function epochOf(instant: number): number {
  return Math.round(instant - sleptMs + wallAheadMs);
}

/**
 * The same clock, made cheap for tight loops, where reading it would cost more than all the rest of a hit.
 *
 * Two readings less than 50 µs apart make a tight loop. Only there do the next calls use the last reading again, 15 at
 * most and none beyond the running turn of the event loop. A clock that a test moves by hand is always read, since its
 * readings are 0 ms or whole milliseconds apart.
 */
export class Clock {
  #last = Number.NEGATIVE_INFINITY;
  #reuses = 0;
  #endAwaited = false;
  readonly #end = (): void => {
    this.#reuses = 0;
    this.#endAwaited = false;
  };

  /** The time, in a tight loop at most 15 calls old. */
  cachedNow(): number {
    if (this.#reuses > 0) {
      this.#reuses -= 1;
      return this.#last;
    }
    return this.#read(exactNow());
  }

  /** The time, exact. An instant that must not lie in the future of a later `cachedNow` is to be read here. */
  now(): number {
    this.#reuses = 0;
    this.#last = exactNow();
    return this.#last;
  }

  /** As `cachedNow`, and what is stored at it lies behind any sleep of the machine until the reading. */
  cachedNowAwake(): number {
    if (this.#reuses > 0) {
      this.#reuses -= 1;
      return this.#last;
    }
    const at = performance.now();
    compare(at);
    return this.#read(at + sleptMs);
  }

  #read(now: number): number {
    const elapsedMs = now - this.#last;
    this.#last = now;
    if (elapsedMs > 0 && elapsedMs < tightLoopMs) {
      this.#reuses = callsPerReading - 1;
      if (!this.#endAwaited) atEndOfTurn(this.#end);
      this.#endAwaited = true;
    }
    return now;
  }
}
