import type { Cancellation } from "../cancellation.js";
import { orAborted } from "../session/abort.js";
import { forget } from "../session/quietly.js";

const limitMs = 30_000;
const hurryMs = 5_000;

/**
 * Something that one does for all who need it, and that goes on when they have left. Its requests may take 30 s in all, and
 * 5 s more once somebody has waited for it in vain.
 */
export class Flight<T> {
  readonly promise: Promise<T>;
  readonly #limit = new AbortController();
  #timer: NodeJS.Timeout;
  #isHurried = false;

  constructor(run: (signal: AbortSignal) => Promise<T>) {
    this.#timer = this.#endAfter(limitMs);
    this.promise = run(this.#limit.signal).finally(() => clearTimeout(this.#timer));
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

  #endAfter(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#limit.abort(new Error("no answer came in time")), ms);
    timer.unref();
    return timer;
  }
}
