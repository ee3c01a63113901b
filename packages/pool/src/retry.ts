import { Deadline } from "./deadlines.js";
import type { Lane } from "./lane.js";

const firstDelayMs = 10;
const longestDelayMs = 5_000;

/**
 * The rest of a key between a failed creation and the next one the pool starts by itself.
 *
 * It doubles from 10 ms to 5 s, of which up to half is taken off at random, and begins anew after a success. It is a
 * timer, never a microtask, so deadlines and other work get their turn however fast creations fail.
 */
export class Retry<R> extends Deadline {
  #failures = 0;
  readonly #lane: Lane<R>;

  constructor(lane: Lane<R>) {
    super();
    this.#lane = lane;
  }

  /** To be called where a creation failed and there is reason for another one. */
  rest(): void {
    if (this.waiting) return;
    const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#lane.core.background.set(this, performance.now(), delay * (1 - Math.random() / 2));
  }

  succeeded(): void {
    this.#failures = 0;
    this.cancel();
  }

  /** Ends the rest without a further try. */
  cancel(): void {
    this.#lane.core.background.cancel(this);
  }

  override run(): void {
    this.#lane.core.settle(this.#lane);
    this.#lane.core.effects.flush();
  }
}
