import type { PhaseView } from "./phase.js";

/** Who holds a breaker open or closed. Each side is counted; open wins. */
export class Overrides {
  #open = 0;
  #closed = 0;
  /** Moves on at `clear`: holds of another epoch mean nothing. */
  #epoch = 0;

  #forced: "forced-open" | "forced-closed" | undefined;

  /** The state that is forced, if any. */
  get forced(): "forced-open" | "forced-closed" | undefined {
    return this.#forced;
  }

  /** Whole milliseconds until a call would be admitted: never, at once, or as the phase has it. */
  retryAfterMs({ restMs }: PhaseView): number {
    if (this.#forced === undefined) return Math.ceil(restMs);
    return this.#forced === "forced-open" ? Number.POSITIVE_INFINITY : 0;
  }

  /** Holds it until the returned function is called; true from that where it had still been held by this hold. */
  hold(side: "open" | "closed"): () => boolean {
    const epoch = this.#epoch;
    let isHeld = true;
    this.#add(side, 1);
    return () => {
      if (!isHeld || epoch !== this.#epoch) return false;
      isHeld = false;
      this.#add(side, -1);
      return true;
    };
  }

  /** Drops all holds. */
  clear(): void {
    this.#open = 0;
    this.#closed = 0;
    this.#forced = undefined;
    this.#epoch += 1;
  }

  #add(side: "open" | "closed", change: 1 | -1): void {
    if (side === "open") this.#open += change;
    else this.#closed += change;
    this.#forced = this.#open > 0 ? "forced-open" : this.#closed > 0 ? "forced-closed" : undefined;
  }
}
