const slots = 10;

interface Slot {
  calls: number;
  failures: number;
  slow: number;
}

/** How many calls there were, and of what kind. */
export type Counts = Readonly<Slot>;

/**
 * Counts of the calls of the last `windowMs`: a ring of ten slots in constant memory, O(1) per call.
 *
 * Slots expire by the clock, whether there is traffic or not, so that what is older than the window never counts: a
 * sample counts for at least nine tenths of the window and never longer than all of it. A clock that jumps back is taken
 * as standing still for that moment: nothing is lost, and what there is ages on from there. The ring is that of Hystrix
 * and gobreaker.
 */
export class RollingWindow {
  readonly #slotMs: number;
  /** A slot without calls is a hole. */
  #ring: (Slot | undefined)[] = [];
  #total: Slot = { calls: 0, failures: 0, slow: 0 };
  /** The place of the newest slot in the ring. */
  #head = 0;
  /** The number of the newest slot since the clock's zero. */
  #newest = 0;

  constructor(windowMs: number) {
    this.#slotMs = windowMs / slots;
  }

  /** Counts one call that ended at `now`, and says what the window holds then. */
  add(now: number, isFailure: boolean, isSlow: boolean): Counts {
    this.#expire(now);
    let slot = this.#ring[this.#head];
    if (slot === undefined) {
      slot = { calls: 0, failures: 0, slow: 0 };
      this.#ring[this.#head] = slot;
    }
    count(slot, isFailure, isSlow);
    count(this.#total, isFailure, isSlow);
    return this.#total;
  }

  /** What the window holds at `now`. Reading changes nothing that a later reading could see. */
  at(now: number): Counts {
    this.#expire(now);
    return this.#total;
  }

  /** Forgets everything. */
  clear(): void {
    this.#ring = [];
    this.#total = { calls: 0, failures: 0, slow: 0 };
  }

  #expire(now: number): void {
    // An endless window has one slot that never ages: Infinity divides everything to zero.
    const current = Math.floor(now / this.#slotMs);
    const passed = current - this.#newest;
    if (passed === 0) return;
    this.#newest = current;
    if (passed >= slots) this.clear();
    else for (let slot = 0; slot < passed; slot += 1) this.#turn();
  }

  #turn(): void {
    this.#head = (this.#head + 1) % slots;
    const slot = this.#ring[this.#head];
    if (slot === undefined) return;
    this.#ring[this.#head] = undefined;
    this.#total.calls -= slot.calls;
    this.#total.failures -= slot.failures;
    this.#total.slow -= slot.slow;
  }
}

function count(counts: Slot, isFailure: boolean, isSlow: boolean): void {
  counts.calls += 1;
  if (isFailure) counts.failures += 1;
  if (isSlow) counts.slow += 1;
}
