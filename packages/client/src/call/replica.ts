import type { StateChange } from "@minion/breaker";
import type { Call } from "../call.js";
import type { Policy } from "../config/policy.js";
import type { ServerConnections } from "../connections/server-connections.js";
import type { Blame } from "../deadline.js";
import type { ServerUnavailableError } from "../errors.js";
import type { Breaker } from "../interfaces.js";
import type { ServerContext } from "../server-context.js";
import { breakerRefusal } from "./breaker-refusal.js";
import { HalfOpen } from "./half-open.js";
import { type LeasedConnection, leaseConnection, sendOver } from "./lease-connection.js";
import { isShared, type ServerVerdict, serverVerdict } from "./server-verdict.js";

/** What the replicas of a server are made of. */
export interface ReplicasContext {
  readonly server: string;
  readonly policy: Policy;
  readonly context: ServerContext;
  readonly identity: string;
  readonly connections: ServerConnections;
  readonly onBreaker: (replica: number, change: StateChange) => void;
  /** Told what the end of each attempt says of the server, where it says anything. */
  readonly onVerdict: (verdict: ServerVerdict) => void;
}

/** A replica, with a breaker of its own, for each place where a server is reached. */
export function makeReplicas(context: ReplicasContext): readonly Replica[] {
  return context.policy.targets.map((_, index) => new Replica(index, context));
}

type Permit = ReturnType<Breaker["admit"]>;

/** One attempt of a call, as far as a verdict on the server depends on it. */
interface Attempt {
  /** What had been counted when it began. */
  readonly incident: number;
  /** Whether it waits for nothing but the server's answer. */
  isSent: boolean;
}

/** One place where a server is reached, and the breaker in front of it. */
export class Replica {
  readonly index: number;
  readonly breaker: Breaker | undefined;
  readonly #context: ReplicasContext;
  readonly #halfOpen: HalfOpen;
  /** Whether the breaker counts slow calls, for which the time in the local queue must not be taken. */
  readonly #isTimed: boolean;
  /** How many incidents have been counted: what began before the last of them is a part of it. */
  #incidents = 0;
  /** Whether a ping may be remembered from the last time that the breaker was half-open. */
  #wasHalfOpen = false;
  /** What the breaker was told last, and on whose behalf it was met: nobody else is to read what a server said to one. */
  #lastFailure: { readonly error: unknown; readonly principal: string | undefined } | undefined;
  /** When the breaker opened last, on the clock of `performance`. */
  #openedAt: number | undefined;

  constructor(index: number, context: ReplicasContext) {
    const { policy } = context;
    this.index = index;
    this.#context = context;
    this.#isTimed = policy.breaker !== false && Number.isFinite(policy.breaker.slowCallMs ?? Number.POSITIVE_INFINITY);
    this.breaker = policy.breaker === false ? undefined : this.#makeBreaker(policy.breaker);
    this.#halfOpen = new HalfOpen((principal) => this.#ping(principal));
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
    const { breaker } = this;
    if (breaker === undefined) return await this.#attempt(call, undefined);
    if (breaker.state === "half-open") return await this.#probe(call, breaker);
    if (this.#wasHalfOpen) {
      this.#wasHalfOpen = false;
      this.#halfOpen.reset();
    }
    return await this.#attempt(call, this.#admit(breaker, call.principal));
  }

  /**
   * Half-open: a ping over a connection that is younger than the outage shows whether the server is there, one waiting call
   * shows whether it works, and nobody else gets through meanwhile. So a server that answers pings and hangs calls does not
   * close the breaker.
   */
  async #probe(call: Call, breaker: Breaker): Promise<unknown> {
    this.#wasHalfOpen = true;
    const leave = this.#halfOpen.enter();
    if (leave === undefined) throw this.#refused(call.principal, Math.max(1, breaker.retryAfterMs));
    try {
      call.deadline.blameOn(() => this.#blameOnOpening(call.principal));
      await this.#halfOpen.pinged(call);
      this.#giveUpOlder(call.principal);
      return await this.#attempt(call, this.#admit(breaker, call.principal));
    } finally {
      leave();
    }
  }

  /** Not for the caller who happens to wait: it goes on without, within bounds of its own. */
  async #ping(principal: string | undefined): Promise<void> {
    const { breaker } = this;
    const { policy, context, connections } = this.#context;
    if (breaker === undefined) return;
    const permit = this.#admit(breaker, principal);
    const attempt = this.#begin();
    const { connectTimeoutMs, closeTimeoutMs } = policy;
    try {
      this.#giveUpOlder(principal);
      const key = connections.key(this.index, principal);
      // Long enough for the given-up connection to end first, since it may hold the only place.
      const limits = { timeoutMs: connectTimeoutMs + closeTimeoutMs, signal: undefined };
      const leased = await leaseConnection(context.pool, this.#context.server, key, { limits, priority: pingPriority });
      connections.leased(leased, key);
      attempt.isSent = true;
      await pingOver(leased, connectTimeoutMs);
      permit.success();
      this.#tell("alive");
    } catch (error) {
      this.#settle(permit, attempt, { error, awaitedServer: attempt.isSent || this.#isOpening(principal), principal });
      throw error;
    }
  }

  /** A stateful server's connection holds its state: it must not be given up to try another. */
  #giveUpOlder(principal: string | undefined): void {
    const { policy, connections } = this.#context;
    if (!policy.stateful) connections.giveUpOlder(this.index, principal, this.#openedAt ?? performance.now());
  }

  async #attempt(call: Call, given: Permit | undefined): Promise<unknown> {
    let permit = given;
    const attempt = this.#begin();
    try {
      const begin = performance.now();
      const { connection, lease } = await this.#lease(call);
      try {
        // The time in the local queue is not the server's: the call begins anew for the breaker.
        if (this.#isTimed && permit !== undefined && this.breaker !== undefined && performance.now() - begin >= 1) {
          permit.ignore();
          permit = this.#admit(this.breaker, call.principal);
        }
        const answer = await sendOver(connection, call, (isStarted) => {
          attempt.isSent = isStarted;
        });
        permit?.success();
        this.#tell("alive");
        return answer;
      } finally {
        lease.release();
      }
    } catch (error) {
      const { deadline, principal } = call;
      const awaitedServer = attempt.isSent || (deadline.end === "timeout" && this.#isOpening(principal));
      this.#settle(permit, attempt, { error, awaitedServer, principal, deadline });
      throw error;
    }
  }

  async #lease(call: Call): Promise<LeasedConnection> {
    const { connections, context, server } = this.#context;
    const { deadline, principal, priority, serverTime } = call;
    const key = connections.key(this.index, principal);
    const refusals = connections.refusalsOf(this.index);
    deadline.blameOn(() => this.#blameOnOpening(principal));
    const begin = performance.now();
    try {
      const leased = await leaseConnection(context.pool, server, key, { deadline, priority, refusals });
      deadline.blameOn(undefined);
      connections.leased(leased, key);
      return leased;
    } finally {
      // Of the time in the queue that alone is the server's.
      if (performance.now() - begin >= 1) serverTime.add(connections.openings.waitedMs(key, begin));
    }
  }

  #begin(): Attempt {
    return { incident: this.#incidents, isSent: false };
  }

  /** Tells the breaker and the health what a failed attempt says of the server: once of what happened once. */
  #settle(
    permit: Permit | undefined,
    attempt: Attempt,
    end: {
      readonly error: unknown;
      readonly awaitedServer: boolean;
      readonly principal: string | undefined;
      readonly deadline?: Call["deadline"] | undefined;
    },
  ): void {
    const { error, awaitedServer, principal, deadline } = end;
    const deadlineEnd = deadline?.end;
    const verdict = serverVerdict({ error, deadlineEnd, awaitedServer });
    const isPart = deadlineEnd === undefined ? isShared(error) : !attempt.isSent;
    if (verdict === "failing" && isPart) {
      if (attempt.incident !== this.#incidents) return void permit?.ignore();
      this.#incidents += 1;
    }
    if (verdict === "failing") {
      const reason = deadlineEnd === undefined ? error : deadline?.reason;
      this.#lastFailure = { error: reason, principal };
      permit?.failure(reason);
    } else if (verdict === "alive") permit?.success();
    else permit?.ignore();
    this.#tell(verdict);
  }

  #tell(verdict: ServerVerdict): void {
    if (verdict !== "nothing") this.#context.onVerdict(verdict);
  }

  #isOpening(principal: string | undefined): boolean {
    const { connections } = this.#context;
    return connections.isOpening(connections.key(this.index, principal));
  }

  #blameOnOpening(principal: string | undefined): Blame {
    const { connections } = this.#context;
    return connections.openings.blame(connections.key(this.index, principal));
  }

  #makeBreaker(options: Exclude<Policy["breaker"], false>): Breaker {
    const { server, context, identity, onBreaker } = this.#context;
    // Half-open is a ping and a call: neither of them alone may close it.
    const successThreshold = Math.max(2, options.successThreshold ?? 2);
    const own = {
      name: this.index === 0 ? server : `${server}#${this.index}`,
      ...options,
      successThreshold,
      maxProbes: Math.max(successThreshold, options.maxProbes ?? 3),
      onStateChange: (change: StateChange): void => {
        if (change.to === "open") this.#openedAt = performance.now();
        this.#halfOpen.reset();
        onBreaker(this.index, change);
        options.onStateChange?.(change);
      },
    };
    return context.makeBreaker(server, own, { identity, replica: this.index });
  }

  #admit(breaker: Breaker, principal: string | undefined): Permit {
    try {
      return breaker.admit();
    } catch (error) {
      throw this.#refused(principal, breaker.retryAfterMs, error);
    }
  }

  #refused(principal: string | undefined, retryAfterMs: number, cause?: unknown): ServerUnavailableError {
    const { server } = this.#context;
    const last = this.#lastFailure;
    if (last === undefined) return breakerRefusal(server, { retryAfterMs, failure: undefined, cause });
    return breakerRefusal(server, { retryAfterMs, failure: last.principal === principal ? last.error : undefined });
  }
}

/** It goes before whoever waits for the connection that it is to prove. */
const pingPriority = Number.MAX_SAFE_INTEGER;

async function pingOver({ connection, lease }: LeasedConnection, timeoutMs: number): Promise<void> {
  const signal = AbortSignal.timeout(Math.min(timeoutMs, 2_147_483_647));
  try {
    await connection.ping(signal);
  } catch (error) {
    // A connection that does not answer a ping is not offered to the next probe.
    lease.destroy(error).catch(() => {});
    throw error;
  } finally {
    lease.release();
  }
}
