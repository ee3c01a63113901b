import { Deadline } from "./deadlines.js";
import type { Lane } from "./lane.js";

/** Reports one lease that is held too long, once, and its late return. */
export class LeakWatch<R> {
  readonly #lane: Lane<R>;
  readonly #deadline: Deadline;
  #reported = false;

  constructor(lane: Lane<R>, now: number, stack: string) {
    const { core, key, limits } = lane;
    this.#lane = lane;
    this.#deadline = new Deadline(() => {
      this.#reported = true;
      core.events?.emit({ type: "leaked", key, heldMs: performance.now() - now, stack });
      core.effects.flush();
    });
    core.deadlines.set(this.#deadline, now + limits.leakThresholdMs);
  }

  returned(heldMs: number): void {
    const { core, key } = this.#lane;
    if (this.#reported) core.events?.emit({ type: "unleaked", key, heldMs });
    else core.deadlines.cancel(this.#deadline);
  }
}
