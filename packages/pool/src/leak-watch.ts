import { Deadline } from "./deadlines.js";
import type { Lane } from "./lane.js";

/** Reports one lease that is held too long, once, and its late return. */
export class LeakWatch<R> extends Deadline {
  readonly #lane: Lane<R>;
  readonly #since: number;
  readonly #stack: string;
  #reported = false;

  constructor(lane: Lane<R>, since: number, stack: string) {
    super();
    this.#lane = lane;
    this.#since = since;
    this.#stack = stack;
    lane.core.background.set(this, since, lane.limits.leakThresholdMs);
  }

  override run(): void {
    const { core, key } = this.#lane;
    this.#reported = true;
    core.events?.emit({ type: "leaked", key, heldMs: core.clock.read() - this.#since, stack: this.#stack });
    core.effects.flush();
  }

  returned(heldMs: number): void {
    const { core, key } = this.#lane;
    if (this.#reported) core.events?.emit({ type: "unleaked", key, heldMs });
    else core.background.cancel(this);
  }
}
