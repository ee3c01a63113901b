import { runInOwnContext } from "./own-context.js";
import { Timer } from "./timer.js";

/** How a call of the user's code ended. */
export type CallOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: unknown };

/** One call of the user's code with a signal and a time limit. Its outcome is told once, unless it is given up before. */
export class ForeignCall {
  readonly #controller = new AbortController();
  readonly #timer: Timer;
  readonly #tell: (outcome: CallOutcome) => void;
  #open = true;

  /** `what` names the function in the error that says it took too long. */
  constructor(
    what: string,
    timeoutMs: number,
    call: (signal: AbortSignal) => unknown,
    tell: (outcome: CallOutcome) => void,
  ) {
    this.#tell = tell;
    this.#timer = new Timer(timeoutMs, false, () => {
      const error = new Error(`Pool: ${what} took longer than ${timeoutMs} ms`);
      runInOwnContext(() => this.#controller.abort(error));
      this.#settle({ ok: false, error });
    });
    runInOwnContext(() => {
      if (!this.#open) return;
      // The call is made inside a promise, so that a throw is a rejection.
      new Promise((resolve) => resolve(call(this.#controller.signal))).then(
        (value) => this.#settle({ ok: true, value }),
        (error: unknown) => this.#settle({ ok: false, error }),
      );
    });
  }

  /** Nobody needs the outcome any more: aborts the signal, and tells nothing. */
  abandon(): void {
    this.#close();
    runInOwnContext(() => this.#controller.abort());
  }

  #settle(outcome: CallOutcome): void {
    if (this.#close()) this.#tell(outcome);
  }

  /** Returns false where it was over already. */
  #close(): boolean {
    const wasOpen = this.#open;
    this.#open = false;
    this.#timer.clear();
    return wasOpen;
  }
}
