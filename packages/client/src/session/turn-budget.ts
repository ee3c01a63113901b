/** Less than the 5 ms that one server may hold the event loop in a turn. */
const turnMs = 3;
/** What a message leads to runs later in the turn, so that its time is not seen here: their number is bounded too. */
const messagesPerTurn = 64;
/** Requests of the server lead to answers, which may have to wait for it. */
const requestsPerTurn = 4;

/** How much of what a server says is worked off in one turn of the event loop; what is left over waits for the next. */
export class TurnBudget {
  #turnBegan: number | undefined;
  #messages = 0;
  #requests = 0;

  /** Whether more may be worked off in this turn. */
  hasTime(): boolean {
    if (this.#turnBegan === undefined) {
      this.#turnBegan = performance.now();
      setImmediate(() => this.#endTurn());
    }
    if (this.#messages >= messagesPerTurn || this.#requests >= requestsPerTurn) return false;
    return performance.now() - this.#turnBegan < turnMs;
  }

  /** To be called for each message that was found. */
  countMessage(isRequest: boolean): void {
    this.#messages += 1;
    if (isRequest) this.#requests += 1;
  }

  #endTurn(): void {
    this.#turnBegan = undefined;
    this.#messages = 0;
    this.#requests = 0;
  }
}

/** Whether a message is a request, to which an answer is due. */
export function isRequest(message: unknown): boolean {
  return typeof message === "object" && message !== null && "method" in message && "id" in message;
}
