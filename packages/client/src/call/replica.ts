import type { Call } from "../call.js";
import { ServerUnavailableError } from "../errors.js";
import type { Breaker, SessionPool } from "../interfaces.js";
import { type LeasedConnection, leaseConnection, sendOver } from "./lease-connection.js";
import { judged } from "./verdict.js";

/** What a replica needs of its surroundings. */
export interface ReplicaContext {
  readonly server: string;
  readonly index: number;
  readonly breaker: Breaker | undefined;
  readonly pool: SessionPool;
  /** Whether a fresh connection can be opened while calls are still waiting on an old one. */
  readonly hasRoomForFresh: boolean;
  /** Whether the server remembers its client: the connection that there is must not be given up to try another. */
  readonly isStateful: boolean;
  readonly keyFor: (principal: string | undefined) => string;
  /** Told of each connection that a call is about to use. */
  readonly onLeased: (leased: LeasedConnection, key: string) => void;
}

/** One place where a server is reached, and the breaker in front of it. */
export class Replica {
  readonly #context: ReplicaContext;
  #isProbing = false;
  /** Whether the ping of this half-open period has been answered. */
  #hasPonged = false;

  constructor(context: ReplicaContext) {
    this.#context = context;
  }

  get index(): number {
    return this.#context.index;
  }

  get breaker(): Breaker | undefined {
    return this.#context.breaker;
  }

  /** Milliseconds until a call would be let through; 0 now. */
  get retryAfterMs(): number {
    return this.breaker?.retryAfterMs ?? 0;
  }

  /**
   * Sends the call if the breaker lets it through. Rejects with {@link ServerUnavailableError} where it does not, and as
   * a connection does.
   */
  async send(call: Call): Promise<unknown> {
    const { breaker } = this.#context;
    if (breaker === undefined) return await this.#sendOnce(call, { isWaitingForServer: false });
    if (breaker.state === "half-open") return await this.#probe(call, breaker);
    this.#hasPonged = false;
    return await this.#sendJudged(call, breaker);
  }

  /**
   * Half-open: a fresh connection (for a stateful server the one that holds its state) and a ping show whether the server is there, one waiting call shows whether it works,
   * and nobody else gets through meanwhile. So a server that answers pings and hangs calls does not close the breaker.
   */
  async #probe(call: Call, breaker: Breaker): Promise<unknown> {
    if (this.#isProbing) throw this.#refused(Math.max(1, breaker.retryAfterMs));
    this.#isProbing = true;
    try {
      if (!this.#hasPonged) await this.#ping(call, breaker);
      this.#hasPonged = true;
      return await this.#sendJudged(call, breaker);
    } finally {
      this.#isProbing = false;
      if (breaker.state !== "half-open") this.#hasPonged = false;
    }
  }

  async #ping(call: Call, breaker: Breaker): Promise<void> {
    const { pool, keyFor, hasRoomForFresh, isStateful } = this.#context;
    const permit = this.#admit(breaker);
    const state = { isWaitingForServer: false };
    await judged(
      permit,
      call,
      () => state.isWaitingForServer || this.#isConnecting(call),
      async () => {
        const graceMs = hasRoomForFresh ? Number.POSITIVE_INFINITY : 0;
        if (!isStateful) pool.clear(keyFor(call.principal), { graceMs }).catch(() => {});
        const { connection, lease } = await this.#lease(call);
        state.isWaitingForServer = true;
        try {
          await connection.ping(call.deadline);
        } catch (error) {
          // What does not even answer a ping is no use to the next probe either.
          if (call.deadline.end === undefined || call.deadline.end === "timeout") lease.destroy(error).catch(() => {});
          throw error;
        } finally {
          lease.release();
        }
      },
    );
  }

  async #sendJudged(call: Call, breaker: Breaker): Promise<unknown> {
    const permit = this.#admit(breaker);
    const state = { isWaitingForServer: false };
    return await judged(
      permit,
      call,
      () => state.isWaitingForServer || this.#isConnecting(call),
      () => this.#sendOnce(call, state),
    );
  }

  async #sendOnce(call: Call, state: { isWaitingForServer: boolean }): Promise<unknown> {
    const { connection, lease } = await this.#lease(call);
    try {
      return await sendOver(connection, call, () => {
        state.isWaitingForServer = true;
      });
    } finally {
      lease.release();
    }
  }

  async #lease(call: Call): Promise<LeasedConnection> {
    const { pool, server, keyFor, onLeased } = this.#context;
    const key = keyFor(call.principal);
    const leased = await leaseConnection(pool, server, key, call);
    onLeased(leased, key);
    return leased;
  }

  /** Whether a call that is still waiting for a connection waits for the server: none is open and one is being opened. */
  #isConnecting(call: Call): boolean {
    const { idle, leased, creating } = this.#context.pool.stats(this.#context.keyFor(call.principal));
    return creating > 0 && idle + leased === 0;
  }

  #admit(breaker: Breaker): ReturnType<Breaker["admit"]> {
    try {
      return breaker.admit();
    } catch (error) {
      throw this.#refused(breaker.retryAfterMs, error);
    }
  }

  #refused(retryAfterMs: number, cause?: unknown): ServerUnavailableError {
    return new ServerUnavailableError(this.#context.server, "its circuit breaker lets no call through", {
      retryAfterMs,
      cause,
    });
  }
}
