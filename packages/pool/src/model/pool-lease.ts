import { PoolLeaseReleasedError } from "../errors.js";
import type { Lease } from "../lease.js";
import type { ClockReading } from "../support/clock.js";
import { quote } from "../support/quote.js";
import { holdingProcess } from "../support/timer.js";
import type { KeyState } from "./key-state.js";
import { LeakWatch } from "./leak-watch.js";
import type { LossListener, Resource } from "./resource.js";

/** A lease as the pool makes it. It acts on its resource only while it is held, so a stale one can disturb nobody. */
export class PoolLease<R> implements Lease<R>, LossListener {
  readonly uses: number;
  readonly #state: KeyState<R>;
  readonly #resource: Resource<R>;
  readonly #since: ClockReading;
  readonly #idleSince: number;
  #held = true;
  #controller: AbortController | undefined;
  readonly #leak: LeakWatch | undefined;

  constructor(
    state: KeyState<R>,
    resource: Resource<R>,
    now: ClockReading,
    idleSince: number,
    stack: string | undefined,
  ) {
    this.#state = state;
    this.#resource = resource;
    this.#since = now;
    this.#idleSince = idleSince;
    this.uses = resource.uses;
    if (stack !== undefined) this.#leak = this.#watch(stack);
  }

  get key(): string {
    return this.#state.key;
  }

  get resource(): R {
    if (!this.#held) throw new PoolLeaseReleasedError(this.key);
    return this.#resource.value;
  }

  get idleMs(): number {
    return this.#since.at - this.#idleSince;
  }

  get ageMs(): number {
    return this.#state.engine.clock.now().at - this.#resource.createdAt;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      const loss = this.#held ? this.#resource.listen(this) : undefined;
      if (loss !== undefined) this.#controller.abort(loss.cause);
    }
    return this.#controller.signal;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const { engine } = this.#state;
    const now = engine.clock.cachedNow();
    const heldMs = now.at - this.#since.at;
    if (this.#leak !== undefined) this.#unwatch(this.#leak, heldMs);
    if (this.#controller !== undefined) this.#resource.unlisten(this);
    engine.returned(this.#state, this.#resource, now, heldMs);
  }

  async destroy(cause?: unknown): Promise<void> {
    if (!this.#held) return;
    const resource = this.#resource;
    const state = this.#state;
    // Only the other leases are told.
    resource.unlisten(this);
    if (resource.phase === "leased") state.retireOnRelease(resource, "discarded");
    state.abortLeases(resource, cause ?? new Error(`Pool: another lease destroyed the resource of ${quote(this.key)}`));
    this.release();
    await holdingProcess(resource.gone());
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** The resource is lost. */
  lost(cause: unknown): void {
    this.#controller?.abort(cause);
  }

  #watch(stack: string): LeakWatch {
    const { engine, key, limits } = this.#state;
    const since = this.#since.at;
    const watch = new LeakWatch(engine.background, engine.clock.monotonic(since), limits.leakThresholdMs, () =>
      engine.events?.emit({ type: "leaked", key, heldMs: engine.clock.now().at - since, stack }),
    );
    this.#resource.leakWatches ??= new Set();
    this.#resource.leakWatches.add(watch);
    return watch;
  }

  #unwatch(leak: LeakWatch, heldMs: number): void {
    this.#resource.leakWatches?.delete(leak);
    if (leak.reported) this.#state.engine.events?.emit({ type: "unleaked", key: this.key, heldMs });
    else leak.cancel();
  }
}
