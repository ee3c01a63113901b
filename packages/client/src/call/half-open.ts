import type { Call } from "../call.js";
import { orAborted } from "../session/abort.js";

/**
 * Who may do what while a breaker is half-open: one ping, which belongs to nobody and goes on when whoever waited for it has
 * left, and one caller at a time who waits for it and then sends a call.
 */
export class HalfOpen {
  readonly #ping: (principal: string | undefined) => Promise<void>;
  #isTaken = false;
  /** The ping of this half-open period: under way, or answered. */
  #pinged: Promise<void> | undefined;

  /** `ping` opens a connection where none is open, and asks whether the server is there. */
  constructor(ping: (principal: string | undefined) => Promise<void>) {
    this.#ping = ping;
  }

  /** Takes the caller's place; returns what gives it back, or undefined where another has it. */
  enter(): (() => void) | undefined {
    if (this.#isTaken) return undefined;
    this.#isTaken = true;
    return () => {
      this.#isTaken = false;
    };
  }

  /** Resolves when the ping has been answered. Rejects as the ping does, or with the reason of the call's deadline. */
  async pinged(call: Call): Promise<void> {
    await orAborted(this.#pinged ?? this.#begin(call.principal), call.deadline.signal);
  }

  /** The breaker has changed its state: what was shown before counts no more. */
  reset(): void {
    this.#pinged = undefined;
  }

  #begin(principal: string | undefined): Promise<void> {
    const ping = this.#ping(principal);
    this.#pinged = ping;
    // The failure is told to the caller who waits; there may be none.
    ping.catch(() => {
      if (this.#pinged === ping) this.#pinged = undefined;
    });
    return ping;
  }
}
