const slots = 10;
/** Numbers kept for each slot: calls, failures, slow calls. */
const fields = 3;

/**
 * Counts of the calls of the last `windowMs`: a ring of ten slots in constant memory, O(1) per call.
 *
 * Slots expire by the clock, whether there is traffic or not, so that what is older than the window never counts: a
 * sample counts for at least nine tenths of the window and never longer than all of it. A clock that jumps back counts
 * into the newest slot. The ring is that of Hystrix and gobreaker.
 */
export class RollingWindow {
  readonly #slotMs: number;
  /** Made at the first sample: most breakers of a large application never see one. */
  #counts: Uint32Array | undefined;
  #calls = 0;
  #failures = 0;
  #slow = 0;
  /** The number of the newest slot since the clock's zero; its place in the ring is that modulo the size. */
  #newest = 0;

  constructor(windowMs: number) {
    this.#slotMs = windowMs / slots;
  }

  /** Counts one call that ended at `now`. */
  add(now: number, isFailure: boolean, isSlow: boolean): void {
    this.#expire(now);
    this.#counts ??= new Uint32Array(slots * fields);
    const counts = this.#counts;
    const at = (this.#newest % slots) * fields;
    this.#calls += 1;
    counts[at] = (counts[at] ?? 0) + 1;
    if (isFailure) {
      this.#failures += 1;
      counts[at + 1] = (counts[at + 1] ?? 0) + 1;
    }
    if (isSlow) {
      this.#slow += 1;
      counts[at + 2] = (counts[at + 2] ?? 0) + 1;
    }
  }

  /** What the window holds at `now`. Reading changes nothing that a later reading could see. */
  at(now: number): { readonly calls: number; readonly failures: number; readonly slow: number } {
    this.#expire(now);
    return { calls: this.#calls, failures: this.#failures, slow: this.#slow };
  }

  /** Forgets everything. */
  clear(): void {
    this.#counts?.fill(0);
    this.#calls = 0;
    this.#failures = 0;
    this.#slow = 0;
  }

  #expire(now: number): void {
    // An endless window has one slot that never ages: Infinity divides everything to zero.
    const current = Math.floor(now / this.#slotMs);
    const passed = current - this.#newest;
    if (!(passed > 0)) return;
    this.#newest = current;
    if (this.#counts === undefined || this.#calls === 0) return;
    if (passed >= slots) {
      this.clear();
      return;
    }
    for (let slot = current - passed + 1; slot <= current; slot += 1) this.#drop(this.#counts, (slot % slots) * fields);
  }

  #drop(counts: Uint32Array, at: number): void {
    this.#calls -= counts[at] ?? 0;
    this.#failures -= counts[at + 1] ?? 0;
    this.#slow -= counts[at + 2] ?? 0;
    counts.fill(0, at, at + fields);
  }
}
