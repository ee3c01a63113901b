const slots = 10;

interface Figures {
  calls: number;
  failures: number;
  slow: number;
}

/** How many calls there were, and of what kind. */
export type Counts = Readonly<Figures>;

/** A tenth of the window in which there were calls. */
interface Slot extends Figures {
  /** Which one it is since the clock's zero. */
  readonly number: number;
  next: Slot | undefined;
}

/**
 * Counts of the calls of the last `windowMs`: a chain of at most ten slots in constant memory, O(1) per call.
 *
 * Slots expire by the clock, whether there is traffic or not, so that what is older than the window never counts: a
 * sample counts for at least nine tenths of the window and never longer than all of it. A clock that jumps back is taken
 * as standing still for that moment: nothing is lost, and what there is ages on from there. Hystrix and gobreaker keep
 * such slots in a ring; in a chain those without calls cost nothing.
 */
export class RollingWindow {
  readonly #slotMs: number;
  #total: Figures = { calls: 0, failures: 0, slow: 0 };
  #oldest: Slot | undefined;
  #newest: Slot | undefined;
  /** The number of the present slot, which never falls, and by how many slots the clock has jumped back in all. */
  #present = 0;
  #lost = 0;
  /** How long the machine has slept in all, which the clock does not know. */
  #sleptMs = 0;

  constructor(windowMs: number) {
    this.#slotMs = windowMs / slots;
  }

  /** Counts one call that ended at `now`, and says what the window holds then. */
  add(now: number, isFailure: boolean, isSlow: boolean): Counts {
    this.#expire(now);
    const newest = this.#newest;
    count(newest?.number === this.#present ? newest : this.#begin(), isFailure, isSlow);
    count(this.#total, isFailure, isSlow);
    return this.#total;
  }

  /** What the window holds at `now`. Reading changes nothing that a later reading could see. */
  at(now: number): Counts {
    this.#expire(now);
    return this.#total;
  }

  /** Counts calls of an earlier process as if they had ended at `now`. */
  restore(counts: Counts, now: number): void {
    if (counts.calls === 0) return;
    this.#expire(now);
    Object.assign(this.#begin(), counts);
    this.#total = { ...counts };
  }

  /** Makes everything older than the clock says. */
  age(ms: number): void {
    this.#sleptMs += ms;
  }

  /** Forgets everything. */
  clear(): void {
    this.#oldest = undefined;
    this.#newest = undefined;
    this.#total = { calls: 0, failures: 0, slow: 0 };
  }

  #begin(): Slot {
    const slot: Slot = { number: this.#present, calls: 0, failures: 0, slow: 0, next: undefined };
    if (this.#newest === undefined) this.#oldest = slot;
    else this.#newest.next = slot;
    this.#newest = slot;
    return slot;
  }

  #expire(now: number): void {
    // A window without end has one slot that never ages: Infinity divides everything to zero.
    const slot = Math.floor((now + this.#sleptMs) / this.#slotMs) + this.#lost;
    if (slot === this.#present) return;
    if (slot < this.#present) this.#lost += this.#present - slot;
    else this.#present = slot;
    while (this.#oldest !== undefined && this.#oldest.number <= this.#present - slots) this.#drop(this.#oldest);
  }

  #drop({ calls, failures, slow, next }: Slot): void {
    this.#oldest = next;
    if (next === undefined) this.#newest = undefined;
    this.#total.calls -= calls;
    this.#total.failures -= failures;
    this.#total.slow -= slow;
  }
}

function count(figures: Figures, isFailure: boolean, isSlow: boolean): void {
  figures.calls += 1;
  if (isFailure) figures.failures += 1;
  if (isSlow) figures.slow += 1;
}
