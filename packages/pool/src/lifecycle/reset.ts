import type { KeyState } from "../model/key-state.js";
import type { Abandonable, Resource } from "../model/resource.js";
import { type CallOutcome, ForeignCall } from "../support/foreign-call.js";
import { destroy } from "./destroy.js";

/**
 * Calls `reset` for one resource whose last lease has ended and which stays. It counts as leased meanwhile.
 *
 * Its time and its failure are the pool's: whoever released does not wait, the waiters count on it, and a resource that
 * cannot be reset is destroyed.
 */
export class Reset<R> implements Abandonable {
  readonly #state: KeyState<R>;
  readonly #resource: Resource<R>;
  #call: ForeignCall | undefined;

  constructor(state: KeyState<R>, resource: Resource<R>) {
    this.#state = state;
    this.#resource = resource;
  }

  begin(): void {
    const { engine, key, limits } = this.#state;
    const { value } = this.#resource;
    this.#state.beginReset(this.#resource, this);
    const call = (signal: AbortSignal) => engine.options.reset?.(value, { key, signal });
    this.#call = new ForeignCall("reset", limits.resetTimeoutMs, call, (outcome) => this.#finish(outcome));
  }

  /** The resource goes, so it need not be reset any more. */
  abandon(): void {
    this.#call?.abandon();
    this.#state.endExamination(this.#resource);
  }

  #finish(outcome: CallOutcome): void {
    const state = this.#state;
    const { engine, key } = state;
    state.endExamination(this.#resource);
    if (!outcome.ok) engine.events?.emit({ type: "resetFailed", key, error: outcome.error });
    if (!outcome.ok) destroy(state, this.#resource, "invalid");
    else if (state.exceedsLimits) destroy(state, this.#resource, "resized");
    else state.rest(this.#resource, engine.clock.now(), true);
    engine.settle(state);
  }
}
