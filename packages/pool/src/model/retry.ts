import { Deadline, type Deadlines } from "../support/deadlines.js";

const firstDelayMs = 10;

/**
 * The rest of a key between a failed creation and the next one that the pool starts by itself.
 *
 * It doubles from 10 ms to `maxRetryDelayMs`, less up to half of it at random, and starts again from 10 ms after a success. It is a
 * timer and never a microtask, so that deadlines and other work get their turn however fast creations fail.
 */
export class Retry extends Deadline {
  #failures = 0;
  readonly #background: Deadlines;
  readonly #resume: () => void;

  constructor(background: Deadlines, resume: () => void) {
    super();
    this.#background = background;
    this.#resume = resume;
  }

  /** To be called where a creation failed and there is reason for another one. */
  rest(maxDelayMs: number): void {
    if (this.waiting) return;
    const delay = Math.min(maxDelayMs, firstDelayMs * 2 ** this.#failures);
    this.#failures += 1;
    this.#background.set(this, performance.now(), delay * (1 - Math.random() / 2));
  }

  succeeded(): void {
    this.#failures = 0;
    this.cancel();
  }

  /** Ends the rest without a further creation. */
  cancel(): void {
    this.#background.cancel(this);
  }

  override run(): void {
    this.#resume();
  }
}
