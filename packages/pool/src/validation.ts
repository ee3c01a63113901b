import { PoolValidationError } from "./errors.js";
import type { Resource } from "./resource.js";
import { Timer } from "./timer.js";

/**
 * Asks `validate` about one resting resource, which counts as leased meanwhile.
 *
 * Like a creation it is no caller's own: who waits counts on it, and where they give up the resource rests again.
 */
export class Validation<R> {
  readonly #resource: Resource<R>;
  readonly #forWaiter: boolean;
  readonly #ended: (() => void) | undefined;
  readonly #controller = new AbortController();
  #open = true;
  #timer: Timer | undefined;

  constructor(resource: Resource<R>, forWaiter: boolean, ended?: () => void) {
    this.#resource = resource;
    this.#forWaiter = forWaiter;
    this.#ended = ended;
  }

  begin(): void {
    const { lane } = this.#resource;
    const { core, limits } = lane;
    this.#resource.beginValidation(this);
    this.#timer = new Timer(limits.validateTimeoutMs, false, () => {
      core.effects.defer(() => this.#controller.abort());
      this.#finish(false, new Error(`Pool: validate took longer than ${limits.validateTimeoutMs} ms`));
    });
    core.ownContext.run(() => this.#ask());
  }

  /** The resource goes: nobody waits for the answer any more. */
  abandon(): void {
    if (!this.#open) return;
    this.#close();
    this.#resource.lane.core.effects.defer(() => {
      this.#controller.abort();
      this.#ended?.();
    });
  }

  #ask(): void {
    const { value, idleSince, lane } = this.#resource;
    const { validate } = lane.core.options;
    if (!this.#open || validate === undefined) return;
    const context = { key: lane.key, idleMs: lane.core.clock.read() - idleSince, signal: this.#controller.signal };
    // In a promise, so that a throw is a rejection.
    new Promise<unknown>((resolve) => resolve(validate(value, context))).then(
      (good) => this.#finish(Boolean(good), undefined),
      (error: unknown) => this.#finish(false, error),
    );
  }

  #finish(good: boolean, error: unknown): void {
    if (!this.#open) return;
    this.#close();
    const { lane } = this.#resource;
    if (!good) this.#resource.destroy("invalid");
    else if (lane.exceeded) this.#resource.destroy("resized");
    else this.#resource.rest(lane.core.clock.look(), false);
    if (!good && this.#forWaiter) this.#charge(error);
    this.#resource.vouched = good;
    lane.core.settle(lane);
    this.#resource.vouched = false;
    lane.core.effects.flush();
    this.#ended?.();
  }

  #close(): void {
    this.#open = false;
    this.#timer?.clear();
    this.#resource.lane.arrivals -= 1;
  }

  /** A caller goes through as many bad resources as there may be, and gets an error where even that was not enough. */
  #charge(error: unknown): void {
    const { lane } = this.#resource;
    const waiter = lane.line.first;
    if (waiter === undefined) return;
    waiter.rejects += 1;
    if (waiter.rejects <= lane.limits.maxPerKey) return;
    lane.leave(waiter, lane.core.clock.read());
    waiter.refuse(new PoolValidationError(lane.key, waiter.rejects, error));
  }
}
