import type { ServerContext } from "../server-context.js";

/** What a connection of somebody's own is opened with in place of what all others are. */
export interface SessionSetup {
  readonly capabilities: ServerContext["capabilities"] | undefined;
  readonly onServerRequest: ServerContext["onServerRequest"];
}

/** What connections of somebody's own are to be opened with, by numbers that their keys hold. */
export class SessionSetups {
  readonly #byNumber = new Map<number, SessionSetup>();
  #last = 0;

  /** Keeps one. Returns its number and what drops it. */
  keep(setup: SessionSetup): { readonly number: number; readonly drop: () => void } {
    this.#last += 1;
    const number = this.#last;
    this.#byNumber.set(number, setup);
    return { number, drop: () => void this.#byNumber.delete(number) };
  }

  get(number: number): SessionSetup | undefined {
    return this.#byNumber.get(number);
  }
}
