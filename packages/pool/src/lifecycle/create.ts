import { PoolClosedError, PoolCreateError } from "../errors.js";
import type { KeyState, Making } from "../model/key-state.js";
import { Resource } from "../model/resource.js";
import type { Waiter } from "../model/waiter.js";
import type { DestroyReason } from "../stats.js";
import { runInOwnContext } from "../support/own-context.js";
import { Timer } from "../support/timer.js";
import { destroy, destroyLate, died } from "./destroy.js";

interface Failure {
  readonly error: unknown;
}

/**
 * One resource in the making, from the reservation of its slot to its arrival or failure.
 *
 * It is started for a waiter (or for nobody: the minimum, `warm`) but does not belong to it: what comes of it goes to
 * whoever is first then. Invariant: it ends once, by arriving, failing or running out of time; its slot with it.
 */
export class Creation<R> implements Making {
  readonly #state: KeyState<R>;
  readonly #waiter: Waiter<R> | undefined;
  readonly #controller = new AbortController();
  readonly #since: number;
  #open = true;
  #timer: Timer | undefined;
  /** Its generation was ended: the waiters do not count on it any more. */
  #retired: DestroyReason | undefined;
  #resource: Resource<R> | undefined;
  #death: { readonly cause: unknown } | undefined;
  readonly #whenOver: ((failure?: Failure) => void)[] = [];
  readonly #whenGone: (() => void)[] = [];

  constructor(state: KeyState<R>, waiter: Waiter<R> | undefined) {
    this.#state = state;
    this.#waiter = waiter;
    this.#since = state.engine.clock.now().at;
  }

  begin(): void {
    const { creations, counters, limits } = this.#state;
    counters.creationBegan();
    creations.add(this);
    this.#state.arrivals += 1;
    if (limits.createTimeoutMs !== Number.POSITIVE_INFINITY)
      this.#timer = new Timer(limits.createTimeoutMs, false, () =>
        this.#giveUp(`it took longer than ${limits.createTimeoutMs} ms; raise createTimeoutMs if that is not enough`),
      );
    runInOwnContext(() => this.#call());
  }

  get retired(): boolean {
    return this.#retired !== undefined;
  }

  over(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenOver.push((failure) => (failure === undefined ? resolve() : reject(failure.error)));
    });
  }

  gone(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenGone.push(resolve);
    });
  }

  retire(reason: DestroyReason): void {
    if (this.#retired !== undefined) return;
    this.#retired = reason;
    this.#state.arrivals -= 1;
    const { engine, key } = this.#state;
    const error = engine.closed ? new PoolClosedError() : new PoolCreateError(key, "the key was cleared meanwhile");
    runInOwnContext(() => this.#controller.abort(error));
    this.#tell({ error });
  }

  force(): void {
    if (this.#timer === undefined) this.#giveUp("it was cleared or closed by force");
  }

  #call(): void {
    // A creation that was retired before its call need not be called at all.
    if (!this.#open || this.#retired !== undefined) {
      this.#failed(undefined);
      return;
    }
    const { engine, key } = this.#state;
    const context = { signal: this.#controller.signal, died: (cause?: unknown) => this.#died(cause) };
    // The call is made inside a promise, so that a throw is a rejection.
    new Promise<R>((resolve) => resolve(engine.options.create(key, context))).then(
      (value) => this.#arrived(value),
      (error: unknown) => this.#failed(error),
    );
  }

  #died(cause: unknown): void {
    if (this.#resource === undefined) this.#death ??= { cause };
    else died(this.#state, this.#resource, cause);
  }

  #arrived(value: R): void {
    const state = this.#state;
    const { engine } = state;
    if (!this.#open) {
      destroyLate(state, value, this.#retired ?? "discarded");
      return;
    }
    this.#close();
    const resource = this.#register(value);
    const death = this.#retired === undefined ? this.#death : undefined;
    const reason = this.#retired ?? (death ? "died" : state.exceedsLimits ? "resized" : undefined);
    if (reason === undefined) state.rest(resource, engine.clock.now(), true);
    else destroy(state, resource, reason);
    if (death) this.#report(new PoolCreateError(state.key, "it died before it was ready", death.cause));
    else this.#succeeded();
    resource.isFresh = true;
    engine.settle(state);
    resource.isFresh = false;
  }

  /** Makes the record of the new resource. */
  #register(value: R): Resource<R> {
    const { counters, engine, key, limits, resources } = this.#state;
    const now = engine.clock.now();
    const createMs = now.at - this.#since;
    const lifetimeMs = limits.maxLifetimeMs * (1 - limits.lifetimeJitter * Math.random());
    const resource = new Resource(key, value, now, lifetimeMs);
    resources.add(resource);
    this.#resource = resource;
    counters.add("created", 1);
    counters.add("createMs", createMs);
    engine.events?.emit({ type: "created", key, createMs });
    for (const tell of this.#whenGone) resource.whenGone(tell);
    return resource;
  }

  #succeeded(): void {
    if (this.#retired !== undefined) return;
    this.#state.lastCreateError = undefined;
    this.#state.failuresInRow = 0;
    this.#state.retry.succeeded();
    this.#tell();
  }

  #failed(error: unknown): void {
    // A creation that fails after its time has failed already.
    if (!this.#open) return;
    this.#close();
    const { counters, engine } = this.#state;
    counters.creationFailed();
    if (this.#retired === undefined) this.#report(error);
    for (const resolve of this.#whenGone) resolve();
    engine.settle(this.#state);
  }

  #giveUp(why: string): void {
    const error = new PoolCreateError(this.#state.key, why);
    runInOwnContext(() => this.#controller.abort(error));
    this.#failed(error);
  }

  #close(): void {
    this.#open = false;
    this.#timer?.clear();
    this.#state.creations.delete(this);
    if (this.#retired === undefined) this.#state.arrivals -= 1;
  }

  /**
   * A failure reaches the waiter it was for. For the others the pool tries again after a rest, unless the key is down: then
   * it reaches all of them.
   */
  #report(error: unknown): void {
    const state = this.#state;
    const now = state.engine.clock.now().at;
    state.lastCreateError = error;
    state.failuresInRow += 1;
    state.counters.add("createFailures", 1);
    state.engine.events?.emit({ type: "createFailed", key: state.key, error, createMs: now - this.#since });
    if (this.#waiter !== undefined && state.leave(this.#waiter, now)) this.#waiter.reject(error);
    if (state.isDown) rejectWaiters(state, now, error);
    if (state.needsMore) state.retry.rest(state.limits.maxRetryDelayMs);
    this.#tell({ error });
  }

  #tell(failure?: Failure): void {
    for (const told of this.#whenOver.splice(0)) told(failure);
  }
}

/** Rejects all who wait for a key that is down. */
function rejectWaiters<R>(state: KeyState<R>, now: number, error: unknown): void {
  for (let waiter = state.queue.first; waiter !== undefined; waiter = state.queue.first) {
    state.leave(waiter, now);
    waiter.reject(error);
  }
}
