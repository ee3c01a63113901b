import type { Rank } from "./ranks.js";
import { Timer } from "./timer.js";

/** What becomes of a waiter that is not served. */
export interface GivingUp {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly aborted: () => void;
  readonly timedOut: () => void;
}

/** One call of `acquire` that waits. Its timer holds the process alive: somebody awaits it. */
export class Waiter<L> {
  readonly priority: number;
  /** Rising over all keys: the age. */
  readonly order: number;
  readonly since: number;
  /** Where the call came from, where leaks are looked for. */
  readonly stack: string | undefined;
  /** Resources that failed their validation for it. */
  rejects = 0;

  // Its place in the line, kept by `Ranks`.
  rank: Rank<L> | undefined;
  ahead: Waiter<L> | undefined;
  behind: Waiter<L> | undefined;

  readonly #resolve: (lease: L) => void;
  readonly #reject: (reason: unknown) => void;
  #timer: Timer | undefined;
  #stopListening: (() => void) | undefined;

  constructor(
    place: {
      readonly priority: number;
      readonly order: number;
      readonly since: number;
      readonly stack?: string | undefined;
    },
    resolve: (lease: L) => void,
    reject: (reason: unknown) => void,
  ) {
    this.priority = place.priority;
    this.order = place.order;
    this.since = place.since;
    this.stack = place.stack;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  watch({ signal, timeoutMs, aborted, timedOut }: GivingUp): void {
    this.#timer = new Timer(timeoutMs, true, timedOut);
    if (signal === undefined) return;
    signal.addEventListener("abort", aborted);
    this.#stopListening = () => signal.removeEventListener("abort", aborted);
  }

  grant(lease: L): void {
    this.#unwatch();
    this.#resolve(lease);
  }

  refuse(reason: unknown): void {
    this.#unwatch();
    this.#reject(reason);
  }

  #unwatch(): void {
    this.#timer?.clear();
    this.#stopListening?.();
  }
}
