const slots = 10;

interface Slot {
  calls: number;
  failures: number;
  slow: number;
}

/**
 * Counts of the calls of the last `windowMs`: a ring of ten slots in constant memory, O(1) per call.
 *
 * Slots expire by the clock, whether there is traffic or not, so that what is older than the window never counts: a
 * sample counts for at least nine tenths of the window and never longer than all of it. A clock that jumps back counts
 * into the newest slot. The ring is that of Hystrix and gobreaker.
 */
export class RollingWindow {
  readonly #slotMs: number;
  /** A slot without calls is a hole. */
  #ring: (Slot | undefined)[] = [];
  #total: Slot = { calls: 0, failures: 0, slow: 0 };
  /** The number of the newest slot since the clock's zero; its place in the ring is that modulo the size. */
  #newest = 0;

  constructor(windowMs: number) {
    this.#slotMs = windowMs / slots;
  }

  /** Counts one call that ended at `now`. */
  add(now: number, isFailure: boolean, isSlow: boolean): void {
    this.#expire(now);
    const at = this.#newest % slots;
    const slot = this.#ring[at] ?? { calls: 0, failures: 0, slow: 0 };
    this.#ring[at] = slot;
    for (const counts of [slot, this.#total]) {
      counts.calls += 1;
      if (isFailure) counts.failures += 1;
      if (isSlow) counts.slow += 1;
    }
  }

  /** What the window holds at `now`. Reading changes nothing that a later reading could see. */
  at(now: number): Readonly<Slot> {
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
    if (passed <= 0) return;
    this.#newest = current;
    if (passed >= slots) this.clear();
    else for (let slot = current - passed + 1; slot <= current; slot += 1) this.#drop(slot % slots);
  }

  #drop(at: number): void {
    const slot = this.#ring[at];
    if (slot === undefined) return;
    this.#ring[at] = undefined;
    this.#total.calls -= slot.calls;
    this.#total.failures -= slot.failures;
    this.#total.slow -= slot.slow;
  }
}
