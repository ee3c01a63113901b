import type { Cancellation } from "../cancellation.js";
import { orAborted } from "../session/abort.js";
import { forget } from "../session/quietly.js";

const limitMs = 30_000;
const hurryMs = 5_000;

/**
 * Something that one does for all who need it, and that goes on when they have left. It may take 30 s, and 5 s more once
 * somebody has waited for it in vain: then it has ended, whatever it still waits for.
 */
export class Flight<T> {
  readonly promise: Promise<T>;
  readonly #limit = new AbortController();
  readonly #onLate: () => T;
  #resolve: (outcome: T | Promise<T>) => void = () => {};
  #timer: NodeJS.Timeout;
  #isHurried = false;

  /**
   * `run` is given a signal that aborts when the flight has ended without it: from then on it must change nothing. `onLate`
   * gives, or throws, what a flight ends with that has taken too long.
   */
  constructor(run: (signal: AbortSignal) => Promise<T>, onLate: () => T) {
    this.#onLate = onLate;
    this.#timer = this.#endAfter(limitMs);
    const outcome = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      run(this.#limit.signal).then(resolve, reject);
    });
    this.promise = outcome.finally(() => clearTimeout(this.#timer));
    forget(this.promise);
  }

  /** What comes of it, or `signal.reason` if that comes first. */
  async join(signal: Cancellation): Promise<T> {
    try {
      return await orAborted(this.promise, signal);
    } finally {
      if (signal.aborted && !this.#isHurried) {
        this.#isHurried = true;
        clearTimeout(this.#timer);
        this.#timer = this.#endAfter(hurryMs);
      }
    }
  }

  /** It waits for a person from now on: there is no limit but that of those who wait for it. */
  waitForUser(): void {
    if (!this.#isHurried) clearTimeout(this.#timer);
  }

  /** Ends it with that outcome. */
  end(outcome: T): void {
    this.#resolve(outcome);
    this.#limit.abort(new Error("it is not needed any more"));
  }

  #endAfter(ms: number): NodeJS.Timeout {
    const end = (): void => {
      // Requests that fail because of it must not be taken for what it ended with.
      this.#resolve(new Promise((resolve) => resolve(this.#onLate())));
      this.#limit.abort(new Error("no answer came in time"));
    };
    const timer = setTimeout(end, ms);
    timer.unref();
    return timer;
  }
}
