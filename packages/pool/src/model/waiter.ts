import type { Lease } from "../lease.js";
import type { AcquireOptions } from "../options.js";
import type { AbortTarget } from "../support/abort-watch.js";
import { Deadline } from "../support/deadlines.js";

/** The waiters of one priority, the oldest first; kept by `WaitQueue`. */
export interface PriorityLevel<R> {
  readonly priority: number;
  /** The part of the queue it belongs to. */
  readonly isProvided: boolean;
  head: Waiter<R> | undefined;
  tail: Waiter<R> | undefined;
  /** Its place in the heap of that part. */
  index: number;
}

/** Where a waiter waits, and whom it tells that it cannot wait any longer. */
export interface WaitingRoom<R> {
  cancelled(waiter: Waiter<R>, reason: unknown): void;
  timedOut(waiter: Waiter<R>): void;
}

/**
 * One call of `acquire` that waits, until it is granted, rejected, cancelled or out of time: whichever comes first.
 *
 * It is its own deadline and its own target of the signal, so that a long queue costs little.
 */
export class Waiter<R> extends Deadline implements AbortTarget {
  readonly priority: number;
  /** A number that rises over all keys: the age. */
  readonly order: number;
  readonly since: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The stack of the call, where leaks are looked for. */
  readonly stack: string | undefined;
  /** The number of resources that failed their validation for it. */
  invalidResources = 0;

  // Its place in `WaitQueue`.
  level: PriorityLevel<R> | undefined = undefined;
  ahead: Waiter<R> | undefined = undefined;
  behind: Waiter<R> | undefined = undefined;

  readonly #room: WaitingRoom<R>;
  readonly #resolve: (lease: Lease<R>) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    room: WaitingRoom<R>,
    options: AcquireOptions | undefined,
    call: {
      readonly since: number;
      readonly stack: string | undefined;
      readonly order: number;
      readonly timeoutMs: number;
    },
    resolve: (lease: Lease<R>) => void,
    reject: (reason: unknown) => void,
  ) {
    super();
    this.#room = room;
    this.priority = options?.priority ?? 0;
    this.order = call.order;
    this.since = call.since;
    this.stack = call.stack;
    this.timeoutMs = options?.timeoutMs ?? call.timeoutMs;
    this.signal = options?.signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  grant(lease: Lease<R>): void {
    this.#resolve(lease);
  }

  reject(reason: unknown): void {
    this.#reject(reason);
  }

  /** Its signal has aborted. */
  aborted(reason: unknown): void {
    this.#room.cancelled(this, reason);
  }

  /** Its time is over. */
  override run(): void {
    this.#room.timedOut(this);
  }
}
