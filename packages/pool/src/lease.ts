import type { Look } from "./clock.js";
import { PoolLeaseReleasedError } from "./errors.js";
import { LeakWatch } from "./leak-watch.js";
import type { Resource } from "./resource.js";
import { holdingProcess } from "./timer.js";

/** The right to use a resource until it is given back: by `release`, `destroy`, or the end of a `using` block. */
export interface Lease<R> extends Disposable {
  /** The key it was acquired for. */
  readonly key: string;
  /** The resource. Reading it after `release` or `destroy` throws `PoolLeaseReleasedError`: another caller may have it. */
  readonly resource: R;
  /** Milliseconds since the resource was created. */
  readonly ageMs: number;
  /** Milliseconds the resource had rested when it was lent; 0 where it had not. */
  readonly idleMs: number;
  /** How often the resource has been lent, this lease included. */
  readonly uses: number;
  /**
   * Aborts when the resource is lost while this lease is held: it died, another of its leases destroyed it, or `clear` or
   * `close` took it by force. The reason is the cause, as far as it is known.
   */
  readonly signal: AbortSignal;
  /** Gives the resource back, once; later calls do nothing. */
  release(): void;
  /**
   * Ends the lease and has the resource destroyed instead of lent again. Other leases of a shared one see their signal
   * abort with `cause`, and the last of them ends it. Resolves when it is destroyed; at once where the lease had ended.
   */
  destroy(cause?: unknown): Promise<void>;
}

/** A lease as the pool makes it. It acts on its resource only while it is held, so a stale one can disturb nobody. */
export class PoolLease<R> implements Lease<R> {
  readonly uses: number;
  readonly #resource: Resource<R>;
  readonly #since: Look;
  readonly #idleSince: number;
  #held = true;
  #controller: AbortController | undefined;
  readonly #leak: LeakWatch<R> | undefined;

  constructor(resource: Resource<R>, now: Look, idleSince: number, stack: string | undefined) {
    this.#resource = resource;
    this.#since = now;
    this.#idleSince = idleSince;
    this.uses = resource.uses;
    if (stack !== undefined) this.#leak = new LeakWatch(resource.lane, now.at, stack);
  }

  get key(): string {
    return this.#resource.lane.key;
  }

  get resource(): R {
    if (!this.#held) throw new PoolLeaseReleasedError(this.key);
    return this.#resource.value;
  }

  get idleMs(): number {
    return this.#since.at - this.#idleSince;
  }

  get ageMs(): number {
    return this.#resource.lane.core.clock.read() - this.#resource.createdAt;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const lost = this.#held ? this.#resource.watch(this) : undefined;
      if (lost !== undefined) this.#controller.abort(lost.cause);
    }
    return this.#controller.signal;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const resource = this.#resource;
    const { lane } = resource;
    const now = lane.core.clock.now();
    const heldMs = now.at - this.#since.at;
    this.#leak?.returned(heldMs);
    if (this.#controller !== undefined) resource.unwatch(this);
    resource.giveBack(now, heldMs);
    lane.core.settleReturn(lane);
    lane.core.effects.flush();
  }

  async destroy(cause?: unknown): Promise<void> {
    if (!this.#held) return;
    const resource = this.#resource;
    // Only the others are told.
    resource.unwatch(this);
    resource.retire("discarded");
    resource.lose(cause ?? new Error(`Pool: another lease destroyed the resource of ${JSON.stringify(this.key)}`));
    this.release();
    await holdingProcess(resource.gone());
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** The resource is lost. */
  abort(cause: unknown): void {
    this.#controller?.abort(cause);
  }
}
