import { PoolValidationError } from "../errors.js";
import type { KeyState } from "../model/key-state.js";
import type { Abandonable, Resource } from "../model/resource.js";
import type { ClockReading } from "../support/clock.js";
import { type CallOutcome, ForeignCall } from "../support/foreign-call.js";
import { runInOwnContext } from "../support/own-context.js";
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
  #call: ForeignCall | undefined;

  /** `ended` is called when it is over, also where it was given up. */
  constructor(state: KeyState<R>, resource: Resource<R>, forWaiter: boolean, ended?: () => void) {
    this.#state = state;
    this.#resource = resource;
    this.#forWaiter = forWaiter;
    this.#ended = ended;
  }

  begin(): void {
    const { engine, key, limits } = this.#state;
    const { value, idleSince } = this.#resource;
    this.#state.beginValidation(this.#resource, this);
    const call = (signal: AbortSignal) =>
      engine.options.validate?.(value, { key, idleMs: engine.clock.now().at - idleSince, signal });
    this.#call = new ForeignCall("validate", limits.validateTimeoutMs, call, (outcome) => this.#finish(outcome));
  }

  /** The resource goes: nobody waits for the answer any more. */
  abandon(): void {
    this.#call?.abandon();
    this.#state.endExamination(this.#resource);
    if (this.#ended !== undefined) runInOwnContext(this.#ended);
  }

  #finish(outcome: CallOutcome): void {
    const state = this.#state;
    const resource = this.#resource;
    const good = outcome.ok && Boolean(outcome.value);
    state.endExamination(resource);
    if (!good) destroy(state, resource, "invalid");
    else if (state.exceedsLimits) destroy(state, resource, "resized");
    else state.rest(resource, state.engine.clock.now(), false);
    if (!good && this.#forWaiter) this.#charge(outcome.ok ? undefined : outcome.error);
    resource.isFresh = good;
    state.engine.settle(state);
    resource.isFresh = false;
    this.#ended?.();
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

/** Whether a resource has rested so long that it has to be validated before it is lent. */
export function needsValidation<R>(state: KeyState<R>, resource: Resource<R>, now: ClockReading): boolean {
  return (
    state.hasValidate &&
    resource.leases === 0 &&
    !resource.isFresh &&
    now.at - resource.checkedAt >= state.validateAfterIdleMs
  );
}
