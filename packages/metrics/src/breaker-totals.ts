import { type BreakerSnapshot, countOf } from "./snapshot.js";

/** The counters of a breaker, without its state. */
export type BreakerCounters = Pick<BreakerSnapshot, "calls" | "failures" | "rejected" | "transitionsTo">;

const none: BreakerCounters = { calls: 0, failures: 0, rejected: 0, transitionsTo: {} };

/** What was counted since `before`. What is less than before was reset: all of it is new, as Prometheus takes it. */
function gain(now: number, before = 0): number {
  return now < before ? now : now - before;
}

/**
 * Adds up the counters of breakers that share one label. The sum never falls while one of them is watched, whichever
 * of them goes or is reset: Prometheus would take the fall for a restart, and count the rest of the sum once more.
 */
export class BreakerTotals {
  readonly #seen = new Map<object, BreakerCounters>();
  #total = none;

  /** Takes in one of the breakers as it is now. */
  update(source: object, now: BreakerCounters): void {
    const before = this.#seen.get(source) ?? none;
    const transitionsTo = { ...this.#total.transitionsTo };
    for (const [state, count] of Object.entries(now.transitionsTo))
      transitionsTo[state] = countOf(transitionsTo, state) + gain(count, countOf(before.transitionsTo, state));
    this.#total = {
      calls: this.#total.calls + gain(now.calls, before.calls),
      failures: this.#total.failures + gain(now.failures, before.failures),
      rejected: this.#total.rejected + gain(now.rejected, before.rejected),
      transitionsTo,
    };
    this.#seen.set(source, now);
  }

  /** Forgets a breaker that is no longer watched; what it counted stays in the sum. */
  remove(source: object): void {
    this.#seen.delete(source);
  }

  get total(): BreakerCounters {
    return this.#total;
  }
}
