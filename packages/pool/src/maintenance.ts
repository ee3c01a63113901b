import { Deadline } from "./deadlines.js";
import type { Lane } from "./lane.js";
import type { Resource } from "./resource.js";
import { Phase } from "./tally.js";
import { Validation } from "./validation.js";

/**
 * The rounds in the background: destroys what has rested or lived too long and validates what rests.
 *
 * It is planned only while something rests. One resource is validated at a time, so the others can be lent meanwhile.
 */
export class Maintenance<R> {
  readonly #lane: Lane<R>;
  readonly #deadline: Deadline;
  #toValidate: Resource<R>[] = [];
  #validating = false;

  constructor(lane: Lane<R>) {
    this.#lane = lane;
    this.#deadline = new Deadline(() => this.#run());
  }

  /** Plans the next round where there is reason for one and none is planned. */
  plan(): void {
    const { core, limits, tally } = this.#lane;
    if (this.#deadline.waiting || tally.in(Phase.idle) === 0 || core.closed) return;
    if (limits.maintenanceMs === Number.POSITIVE_INFINITY) return;
    core.deadlines.set(this.#deadline, performance.now() + limits.maintenanceMs);
  }

  cancel(): void {
    this.#toValidate = [];
    if (this.#deadline.waiting) this.#lane.core.deadlines.cancel(this.#deadline);
  }

  #run(): void {
    const { core, shelf, limits } = this.#lane;
    const now = performance.now();
    // From the newest to the oldest, since the round takes them off the end.
    this.#toValidate = [];
    for (let resource = shelf.topIdle; resource !== undefined; ) {
      const next = resource.below;
      const reason = resource.reasonToGo(now);
      if (reason !== undefined) resource.destroy(reason);
      else if (now - resource.checkedAt >= limits.validateAfterIdleMs) this.#toValidate.push(resource);
      resource = next;
    }
    if (core.options.validate === undefined) this.#toValidate = [];
    core.settle(this.#lane);
    core.effects.flush();
    this.#validateNext();
  }

  #validateNext(): void {
    if (this.#validating) return;
    let resource = this.#toValidate.pop();
    while (resource !== undefined && resource.phase !== "idle") resource = this.#toValidate.pop();
    if (resource === undefined) return;
    this.#validating = true;
    new Validation(resource, false, () => {
      this.#validating = false;
      this.#validateNext();
    }).begin();
  }
}
