import type { Cancellation } from "../../cancellation.js";
import { orAborted } from "../abort.js";

/** Lets one at a time find out what is not known of a server. The others wait until it is known, or until it is their turn. */
export class AskingTurn {
  readonly #isKnown: () => boolean;
  #asking: Promise<void> | undefined;

  constructor(isKnown: () => boolean) {
    this.#isKnown = isKnown;
  }

  /**
   * Waits while somebody else asks. Resolves with the function that says that the own asking is over, whatever came of it.
   * Rejects with `signal.reason`.
   */
  async take(signal: Cancellation): Promise<() => void> {
    while (!this.#isKnown() && this.#asking !== undefined) await orAborted(this.#asking, signal);
    if (this.#isKnown()) return () => {};
    let end = (): void => {};
    const asking = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#asking = asking;
    return () => {
      if (this.#asking === asking) this.#asking = undefined;
      end();
    };
  }
}
