import { PoolValidationError } from "../errors.js";
import type { KeyState } from "../model/key-state.js";
import type { Abandonable, Resource } from "../model/resource.js";
import { Timer } from "../support/timer.js";
import { destroy } from "./destroy.js";

/**
 * Asks `validate` about one idle resource, which counts as leased meanwhile.
 *
 * Like a creation it belongs to no caller: the waiters count on it, and where they give up the resource is idle again.
 */
export class Validation<R> implements Abandonable {
  readonly #state: KeyState<R>;
  readonly #resource: Resource<R>;
  readonly #forWaiter: boolean;
  readonly #ended: (() => void) | undefined;
  readonly #controller = new AbortController();
  #open = true;
  #timer: Timer | undefined;

  constructor(state: KeyState<R>, resource: Resource<R>, forWaiter: boolean, ended?: () => void) {
    this.#state = state;
    this.#resource = resource;
    this.#forWaiter = forWaiter;
    this.#ended = ended;
  }

  begin(): void {
    const { engine, limits } = this.#state;
    this.#state.beginValidation(this.#resource, this);
    this.#timer = new Timer(limits.validateTimeoutMs, false, () => {
      engine.effects.defer(() => this.#controller.abort());
      this.#finish(false, new Error(`Pool: validate took longer than ${limits.validateTimeoutMs} ms`));
    });
    engine.ownContext.run(() => this.#ask());
  }

  /** The resource goes: nobody waits for the answer any more. */
  abandon(): void {
    if (!this.#open) return;
    this.#close();
    this.#state.engine.effects.defer(() => {
      this.#controller.abort();
      this.#ended?.();
    });
  }

  #ask(): void {
    const { engine, key } = this.#state;
    const { value, idleSince } = this.#resource;
    const { validate } = engine.options;
    if (!this.#open || validate === undefined) return;
    const context = { key, idleMs: engine.clock.now().at - idleSince, signal: this.#controller.signal };
    // The call is made inside a promise, so that a throw is a rejection.
    new Promise<unknown>((resolve) => resolve(validate(value, context))).then(
      (good) => this.#finish(Boolean(good), undefined),
      (error: unknown) => this.#finish(false, error),
    );
  }

  #finish(good: boolean, error: unknown): void {
    if (!this.#open) return;
    this.#close();
    const state = this.#state;
    const resource = this.#resource;
    if (!good) destroy(state, resource, "invalid");
    else if (state.exceedsLimits) destroy(state, resource, "resized");
    else state.rest(resource, state.engine.clock.now(), false);
    if (!good && this.#forWaiter) this.#charge(error);
    resource.isFresh = good;
    state.engine.settle(state);
    resource.isFresh = false;
    state.engine.effects.flush();
    this.#ended?.();
  }

  #close(): void {
    this.#open = false;
    this.#timer?.clear();
    this.#state.arrivals -= 1;
  }

  /** A caller goes through as many bad resources as a key may hold, and gets an error where even that was not enough. */
  #charge(error: unknown): void {
    const state = this.#state;
    const waiter = state.queue.first;
    if (waiter === undefined) return;
    waiter.invalidResources += 1;
    if (waiter.invalidResources <= state.limits.maxPerKey) return;
    state.leave(waiter, state.engine.clock.now().at);
    waiter.reject(new PoolValidationError(state.key, waiter.invalidResources, error));
  }
}
