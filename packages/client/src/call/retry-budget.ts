const windowMs = 10_000;
const slotMs = 1_000;
const freeRetries = 10;
const share = 0.1;

interface Slot {
  readonly number: number;
  calls: number;
  retries: number;
}

/**
 * Keeps retries from multiplying the load on a server that is in trouble: of ten seconds ten are free, and beyond
 * them at most a tenth of the calls may be retries. The idea is that of Finagle's retry budget.
 */
export class RetryBudget {
  #slots: Slot[] = [];

  /** Counts a call. */
  call(): void {
    this.#current().calls += 1;
  }

  /** Whether one more retry is allowed; it is counted where it is. */
  take(): boolean {
    const slot = this.#current();
    let calls = 0;
    let retries = 0;
    for (const one of this.#slots) {
      calls += one.calls;
      retries += one.retries;
    }
    if (retries >= freeRetries && retries + 1 > calls * share) return false;
    slot.retries += 1;
    return true;
  }

  #current(): Slot {
    const number = Math.floor(performance.now() / slotMs);
    const last = this.#slots.at(-1);
    if (last?.number === number) return last;
    const slot: Slot = { number, calls: 0, retries: 0 };
    this.#slots = [...this.#slots.filter((one) => number - one.number < windowMs / slotMs), slot];
    return slot;
  }
}
