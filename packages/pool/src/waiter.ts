import { Deadline } from "./deadlines.js";
import { PoolTimeoutError } from "./errors.js";
import type { Lane } from "./lane.js";
import type { PoolLease } from "./lease.js";
import type { AcquireOptions } from "./options.js";
import type { Rank } from "./ranks.js";

/**
 * One call of `acquire` that waits, until it is granted, refused, given up or out of time: whichever comes first.
 *
 * It is its own deadline and its own abort listener, so that a long line costs little.
 */
export class Waiter<R> extends Deadline {
  readonly priority: number;
  /** Rising over all keys: the age. */
  readonly order: number;
  readonly since: number;
  /** Where the call came from, where leaks are looked for. */
  readonly stack: string | undefined;
  /** Resources that failed their validation for it. */
  rejects = 0;

  // Its place in the line, kept by `Ranks`.
  rank: Rank<R> | undefined = undefined;
  ahead: Waiter<R> | undefined = undefined;
  behind: Waiter<R> | undefined = undefined;

  readonly #lane: Lane<R>;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (lease: PoolLease<R>) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    lane: Lane<R>,
    options: AcquireOptions | undefined,
    call: { readonly since: number; readonly stack: string | undefined },
    resolve: (lease: PoolLease<R>) => void,
    reject: (reason: unknown) => void,
  ) {
    super();
    this.#lane = lane;
    this.priority = options?.priority ?? 0;
    this.order = lane.core.nextOrder();
    this.since = call.since;
    this.stack = call.stack;
    this.#timeoutMs = options?.timeoutMs ?? lane.limits.acquireTimeoutMs;
    this.#signal = options?.signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Begins to wait. */
  begin(): void {
    const { core } = this.#lane;
    core.patience.set(this, this.since, this.#timeoutMs);
    this.#signal?.addEventListener("abort", this);
    this.#lane.join(this);
    core.settle(this.#lane);
    core.effects.flush();
  }

  grant(lease: PoolLease<R>): void {
    this.#end();
    this.#resolve(lease);
  }

  refuse(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  /** Its signal has aborted. */
  handleEvent(): void {
    this.#giveUp("cancelled", this.#signal?.reason);
  }

  /** Its time is over. */
  override run(): void {
    const { core, key, lastCreateError, limits, tally } = this.#lane;
    const error = new PoolTimeoutError(key, this.#timeoutMs, tally.counts(limits.maxPerKey), lastCreateError);
    core.events?.emit({ type: "timedOut", key, waitMs: core.clock.read() - this.since });
    this.#giveUp("timeouts", error);
  }

  #giveUp(figure: "cancelled" | "timeouts", reason: unknown): void {
    const lane = this.#lane;
    lane.leave(this, lane.core.clock.read());
    lane.tally.add(figure, 1);
    this.refuse(reason);
    lane.core.settle(lane);
    lane.core.effects.flush();
  }

  #end(): void {
    this.#lane.core.patience.cancel(this);
    this.#signal?.removeEventListener("abort", this);
  }
}
