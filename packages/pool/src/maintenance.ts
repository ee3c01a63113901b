import { Deadline } from "./deadlines.js";
import type { Lane } from "./lane.js";
import type { Resource } from "./resource.js";
import { Validation } from "./validation.js";

/**
 * The rounds in the background: destroys what has rested or lived too long, validates what rests, restores the minimum.
 *
 * It is planned only while something rests or is missing: a minimum that other keys leave no slot for is restored in a
 * later round. One resource is validated at a time, so the others can be lent meanwhile.
 */
export class Maintenance<R> extends Deadline {
  readonly #lane: Lane<R>;
  #toValidate: Resource<R>[] = [];
  #validating = false;

  constructor(lane: Lane<R>) {
    super();
    this.#lane = lane;
  }

  /** Plans the next round where there is reason for one and none is planned. */
  plan(): void {
    if (!this.waiting) this.#set();
  }

  cancel(): void {
    this.#toValidate = [];
    this.#lane.core.background.cancel(this);
  }

  override run(): void {
    const { core, shelf } = this.#lane;
    const now = core.clock.look();
    // From the newest to the oldest, since the round takes them off the end.
    this.#toValidate = [];
    for (const resource of shelf.idle()) {
      const reason = resource.reasonToGo(now);
      if (reason !== undefined) resource.destroy(reason);
      else if (now.at - resource.checkedAt >= this.#lane.unaskedMs) this.#toValidate.push(resource);
    }
    core.settle(this.#lane);
    core.effects.flush();
    this.#validateNext();
  }

  #set(): void {
    const { core, limits, tally } = this.#lane;
    const needed = tally.idle > 0 || this.#lane.lacksMinimum;
    if (!needed || core.closed || limits.maintenanceMs === Number.POSITIVE_INFINITY) return;
    core.background.set(this, performance.now(), limits.maintenanceMs);
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
