/** Looks closer together than this, in milliseconds, and so many in a row, are a burst. */
const burstGapMs = 0.05;
const burstLength = 1_000;
/** Readings that one look serves in a burst. */
const readingsPerLook = 64;

// Taken at once: a test that puts its own in place later does not mean this one. A browser has none.
const afterTurn: ((task: () => void) => unknown) | undefined = globalThis.setImmediate;

/** Turns of the event loop that have ended while a burst was on; the same for all clocks. */
let turns = 0;
let endAwaited = false;

function endTurn(): void {
  turns += 1;
  endAwaited = false;
}

/** A look at the clock. All whom it serves share it: a number would be put on the heap for each of them. */
export interface Look {
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

/**
 * The monotonic clock: exact, but in a burst one look serves 64 readings, since looking takes longer than all the rest
 * of a call.
 *
 * A burst is a thousand looks in a row, each less than 50 µs after the one before. No look serves beyond the running
 * turn of the event loop. A clock that a test moves by hand is always looked at: its looks are 0 ms or whole
 * milliseconds apart.
 */
export class Clock {
  #last: Look = { at: Number.NEGATIVE_INFINITY };
  #streak = 0;
  #left = 0;
  #turn = 0;

  /** The time, in a burst at most 63 readings old. */
  nearly(): Look {
    if (this.#left === 0 || this.#turn !== turns) this.exactly();
    else this.#left -= 1;
    return this.#last;
  }

  /** The time. All that is compared with `nearly` is to be read here, or it could seem to lie in the future. */
  exactly(): number {
    const at = performance.now();
    const gapMs = at - this.#last.at;
    this.#last = { at };
    this.#streak = gapMs > 0 && gapMs < burstGapMs ? this.#streak + 1 : 0;
    this.#left = 0;
    if (this.#streak >= burstLength && afterTurn !== undefined) this.#serve(afterTurn);
    return at;
  }

  #serve(atEndOfTurn: (task: () => void) => unknown): void {
    this.#left = readingsPerLook - 1;
    this.#turn = turns;
    if (!endAwaited) atEndOfTurn(endTurn);
    endAwaited = true;
  }
}
