import type { Deadline } from "../deadline.js";
import type { Failure } from "../session/failure.js";

/**
 * Ends waiting for a connection that cannot be had before the application has done something: a user has to log in, a
 * token is refused. The pool would open one for each of those who wait, after longer and longer pauses.
 */
export class Refusals {
  readonly #waiting = new Map<string, Set<(failure: Failure) => void>>();

  /** Nobody who waits under the key will get a connection, for this reason. */
  tell(key: string, failure: Failure): void {
    for (const refuse of [...(this.#waiting.get(key) ?? [])]) refuse(failure);
  }

  /** Runs `wait` with a signal that aborts with the deadline, and with the `Failure` where there is a refusal meanwhile. */
  async during<T>(key: string, deadline: Deadline, wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const own = new AbortController();
    const abort = (): void => own.abort(deadline.reason);
    const refuse = (failure: Failure): void => own.abort(failure);
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting.add(refuse));
    deadline.addEventListener("abort", abort);
    if (deadline.aborted) abort();
    try {
      return await wait(own.signal);
    } finally {
      deadline.removeEventListener("abort", abort);
      waiting.delete(refuse);
      if (waiting.size === 0) this.#waiting.delete(key);
    }
  }
}
