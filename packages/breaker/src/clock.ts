/** Readings closer together than this, in milliseconds, and so many in a row, are a burst. */
const burstGapMs = 0.05;
const burstLength = 1_000;
/** Calls that one reading serves in a burst. */
const callsPerReading = 64;
/** The wall clock is compared with the monotonic one at most this often, since a comparison costs as much as a reading. */
const compareEveryMs = 1_000;
/** The wall clock ahead by more than this since the last comparison: the machine slept. Less is a correction of its time. */
const shortestSleepMs = 10_000;

// Taken when the module loads: a function that a test puts in its place later is not meant. A browser has none.
const afterTurn: ((task: () => void) => unknown) | undefined = globalThis.setImmediate;

/** Turns of the event loop that have ended while a burst was on; the same for all clocks. */
let turns = 0;
let endAwaited = false;

function endTurn(): void {
  turns += 1;
  endAwaited = false;
}

/** Both clocks when they were last compared, and how long the machine had slept by then: one fact for all breakers. */
let comparedAt = performance.now();
let wallAt = Date.now();
let sleptMs = 0;

/**
 * Finds out whether the machine has slept since the last comparison. The clocks of pool and cache do the same, each for
 * itself.
 */
function compare(at: number): void {
  const wall = Date.now();
  const passedMs = at - comparedAt;
  const aheadMs = wall - wallAt - passedMs;
  comparedAt = at;
  wallAt = wall;
  // A monotonic clock that jumps back was exchanged for another one, by a test, and says nothing of a sleep.
  if (passedMs >= 0 && aheadMs > shortestSleepMs) sleptMs += aheadMs;
}

/** One reading of the clock. All calls that it serves share the object: a number would be put on the heap for each of them. */
export interface ClockReading {
  /** Milliseconds on the monotonic clock. */
  readonly at: number;
}

/** Keeps instants of the monotonic clock, which stands still while the machine sleeps. */
export interface SleepListener {
  /** The machine slept for `ms`: whatever must be as old as the wall clock says is now older by as much. */
  slept(ms: number): void;
}

/**
 * The monotonic clock: exact, but in a burst one reading serves 64 calls, since reading the clock takes longer than all
 * the rest of a call.
 *
 * A burst is a thousand readings in a row, each less than 50 µs after the one before. No reading serves beyond the
 * running turn of the event loop. A clock that a test moves by hand is always read: its readings are 0 ms or whole
 * milliseconds apart.
 */
export class Clock {
  #last: ClockReading = { at: Number.NEGATIVE_INFINITY };
  #streak = 0;
  #left = 0;
  #turn = 0;
  /** What `sleptMs` was when the listener was last told. */
  #toldMs: number;
  readonly #listener: SleepListener;

  constructor(listener: SleepListener) {
    this.#listener = listener;
    compare(performance.now());
    this.#toldMs = sleptMs;
  }

  /** The time, in a burst at most 63 calls old. */
  cachedNow(): ClockReading {
    if (this.#left === 0 || this.#turn !== turns) this.now();
    else this.#left -= 1;
    return this.#last;
  }

  /** The time, exact. Everything that is compared with `cachedNow` must be read here, or it could lie in the future. */
  now(): number {
    const at = performance.now();
    const gapMs = at - this.#last.at;
    this.#last = { at };
    this.#streak = gapMs > 0 && gapMs < burstGapMs ? this.#streak + 1 : 0;
    this.#left = 0;
    if (this.#streak >= burstLength && afterTurn !== undefined) this.#serve(afterTurn);
    const uncomparedMs = at - comparedAt;
    if (uncomparedMs >= compareEveryMs || uncomparedMs < 0) compare(at);
    if (this.#toldMs !== sleptMs) this.#tellSlept();
    return at;
  }

  /** As `now`, and whatever is set afterwards lies behind any sleep of the machine until here. */
  nowAwake(): number {
    const at = this.now();
    compare(at);
    if (this.#toldMs !== sleptMs) this.#tellSlept();
    return at;
  }

  #tellSlept(): void {
    const ms = sleptMs - this.#toldMs;
    this.#toldMs = sleptMs;
    this.#listener.slept(ms);
  }

  #serve(atEndOfTurn: (task: () => void) => unknown): void {
    this.#left = callsPerReading - 1;
    this.#turn = turns;
    if (!endAwaited) atEndOfTurn(endTurn);
    endAwaited = true;
  }
}
