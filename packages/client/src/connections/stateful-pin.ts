import type { Lease } from "@minion/pool";
import type { SessionPool } from "../interfaces.js";
import type { McpSession } from "../mcp-session.js";

/** Holds the one connection of a stateful server by a lease of its own, so that it is never idle and never given up. */
export class StatefulPin {
  readonly #onEnd: () => void;
  readonly #ended = new AbortController();
  #lease: Lease<McpSession> | undefined;

  /** `onEnd` is called once, when it holds nothing any more. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /**
   * Takes the next place on the connection that a caller has just leased; `died` is the signal of that lease. Not to be
   * waited for: while all places are taken the calls themselves hold the connection.
   */
  hold(pool: SessionPool, key: string, died: AbortSignal): void {
    const letGo = (): void => this.letGo();
    died.addEventListener("abort", letGo, { once: true });
    const { signal } = this.#ended;
    pool
      .acquire(key, { signal, timeoutMs: Number.POSITIVE_INFINITY, priority: Number.MAX_SAFE_INTEGER })
      .then((lease) => {
        if (signal.aborted) return lease.release();
        this.#lease = lease;
        lease.signal.addEventListener("abort", letGo, { once: true });
        if (lease.signal.aborted) letGo();
      })
      .catch(letGo)
      .finally(() => died.removeEventListener("abort", letGo));
  }

  /** Gives the connection up. */
  letGo(): void {
    if (this.#ended.signal.aborted) return;
    this.#ended.abort();
    this.#lease?.release();
    this.#onEnd();
  }
}
