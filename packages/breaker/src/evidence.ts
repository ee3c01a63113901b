import { type Counts, RollingWindow } from "./rolling-window.js";
import type { BreakerSnapshot } from "./snapshot.js";

/** What the calls of the present generation have shown: how they ended in a row, and in the window. */
export class Evidence {
  consecutiveFailures = 0;
  consecutiveSuccesses = 0;
  readonly #window: RollingWindow;

  constructor(windowMs: number) {
    this.#window = new RollingWindow(windowMs);
  }

  /** Adds a call that ended at `now`, and says what the window holds then. */
  add(now: number, isFailure: boolean, isSlow: boolean): Counts {
    this.consecutiveFailures = isFailure ? this.consecutiveFailures + 1 : 0;
    this.consecutiveSuccesses = isFailure ? 0 : this.consecutiveSuccesses + 1;
    return this.#window.add(now, isFailure, isSlow);
  }

  /** All of it at `now`. */
  at(now: number): EvidenceFigures {
    const { consecutiveFailures, consecutiveSuccesses } = this;
    return { consecutiveFailures, consecutiveSuccesses, window: this.#window.at(now) };
  }

  /** Takes over what a snapshot says, as of `now`. */
  restore({ consecutiveFailures, windowCalls, windowFailures, windowSlow }: BreakerSnapshot, now: number): void {
    this.consecutiveFailures = consecutiveFailures;
    this.#window.restore({ calls: windowCalls, failures: windowFailures, slow: windowSlow }, now);
  }

  /** Makes everything older, after a sleep of the machine. */
  age(ms: number): void {
    this.#window.age(ms);
  }

  /** Forgets everything. */
  clear(): void {
    this.consecutiveFailures = 0;
    this.consecutiveSuccesses = 0;
    this.#window.clear();
  }
}

/** The evidence at one instant. */
export interface EvidenceFigures {
  readonly consecutiveFailures: number;
  readonly consecutiveSuccesses: number;
  readonly window: Counts;
}

/** The evidence of a generation that has just begun. */
export const noEvidence: EvidenceFigures = {
  consecutiveFailures: 0,
  consecutiveSuccesses: 0,
  window: { calls: 0, failures: 0, slow: 0 },
};
