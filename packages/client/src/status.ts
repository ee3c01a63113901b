import type { BreakerStats } from "@minion/breaker";
import type { CacheStats } from "@minion/cache";
import type { PoolStats } from "@minion/pool";
import { type AttemptEnd, type ServerVerdict, serverVerdict } from "./call/server-verdict.js";
import type { Transport } from "./config/policy.js";
import type { CallFinished, EventBody, Health } from "./events.js";
import type { Breaker } from "./interfaces.js";
import type { Connection } from "./session/connection.js";
import { boundedMessageOf, errorTypeOf } from "./untrusted.js";

/** How many calls a server has had since the client knows it. */
export interface CallCounts {
  /** Calls that have ended: succeeded, failed and cancelled. */
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Given up by their caller. */
  readonly cancelled: number;
  readonly inFlight: number;
  /** Attempts beyond the first of each call. */
  readonly retries: number;
}

/** What an operator needs to know of one server. */
export interface ServerStatus {
  readonly name: string;
  readonly health: Health;
  /** Since when it is so, in epoch milliseconds. */
  readonly since: number;
  readonly transport: Transport;
  /** The revision of MCP that was agreed upon last; undefined before the first connection, and where it is not known. */
  readonly protocol: string | undefined;
  /** Whether a connection is open. */
  readonly connected: boolean;
  /** Tools in the list fetched last; undefined where none was fetched. */
  readonly tools: number | undefined;
  readonly calls: CallCounts;
  /** Its connections, all replicas and principals together. */
  readonly pool: PoolStats;
  readonly cache: CacheStats | undefined;
  /** The breaker of its first replica; undefined where it has none. */
  readonly breaker: BreakerStats | undefined;
  readonly replicas: readonly { readonly index: number; readonly breaker: BreakerStats | undefined }[];
  /** What went wrong last, secrets masked. */
  readonly lastError: { readonly at: number; readonly code: string; readonly message: string } | undefined;
  /** The end of what its process wrote to stderr, secrets masked. */
  readonly stderrTail: string;
  /** When a server that is being left alone is tried again, in epoch milliseconds. */
  readonly nextRetryAt: number | undefined;
}

/** What is looked at of a replica. */
interface WatchedReplica {
  readonly breaker: Pick<Breaker, "state"> | undefined;
  readonly retryAfterMs: number;
}

/** Counts a server's calls and connections, and says how it is. */
export class Monitor {
  readonly #replicas: readonly WatchedReplica[];
  readonly #emit: (event: EventBody) => void;
  readonly #open = new Map<Connection, { readonly replica: number; readonly since: number }>();
  #counts = { succeeded: 0, failed: 0, cancelled: 0, inFlight: 0, retries: 0 };
  #lastError: ServerStatus["lastError"];
  #stderrTail = "";
  /** Whether the last thing that was learned of the server is that it does not work. */
  #isFailing = false;
  #health: { readonly value: Health; readonly since: number } = { value: "idle", since: Date.now() };

  constructor(replicas: readonly WatchedReplica[], emit: (event: EventBody) => void) {
    this.#replicas = replicas;
    this.#emit = emit;
  }

  /** Its part of the status. */
  get figures(): Omit<
    ServerStatus,
    "name" | "transport" | "protocol" | "tools" | "pool" | "cache" | "breaker" | "replicas"
  > {
    const { calls, health, isConnected: connected, lastError, nextRetryAt, since, stderrTail } = this;
    return { health, since, connected, calls, lastError, stderrTail, nextRetryAt };
  }

  get calls(): CallCounts {
    const { succeeded, failed, cancelled } = this.#counts;
    return { total: succeeded + failed + cancelled, ...this.#counts };
  }

  get isConnected(): boolean {
    return this.#open.size > 0;
  }

  get lastError(): ServerStatus["lastError"] {
    return this.#lastError;
  }

  get stderrTail(): string {
    for (const connection of this.#open.keys()) {
      const tail = connection.stderrTail();
      if (tail !== "") return tail;
    }
    return this.#stderrTail;
  }

  /** When the first of the replicas that are being left alone is tried again; undefined where one takes calls now. */
  get nextRetryAt(): number | undefined {
    const rest = Math.min(...this.#replicas.map(({ retryAfterMs }) => retryAfterMs));
    return rest > 0 && Number.isFinite(rest) ? Date.now() + rest : undefined;
  }

  callBegins(): void {
    this.#counts.inFlight += 1;
  }

  callRetried(): void {
    this.#counts.retries += 1;
  }

  /** A call has ended, with `error` where it rejects. */
  callEnds(outcome: CallFinished["outcome"], error: unknown): void {
    this.#counts.inFlight -= 1;
    this.#counts[outcome === "success" ? "succeeded" : outcome === "error" ? "failed" : "cancelled"] += 1;
    if (outcome === "success") {
      this.check("a call succeeded");
      return;
    }
    const errorType = errorTypeOf(error);
    // A refusal says nothing new: what the server did before it is what an operator wants to see.
    const isRefusal = errorType === "ERR_MCP_UNAVAILABLE" && this.#lastError !== undefined;
    if (outcome === "error" && error !== undefined && !isRefusal) this.noteError(error);
    this.check(errorType);
  }

  /** The end of an attempt, as the breaker is told it. */
  noteVerdict(verdict: ServerVerdict): void {
    if (verdict !== "nothing") this.#isFailing = verdict === "failing";
  }

  /** A ping that somebody asked for has ended. */
  pinged(end: AttemptEnd): void {
    const verdict = serverVerdict(end);
    this.noteVerdict(verdict);
    this.check(verdict === "alive" ? "a ping was answered" : "a ping was not answered");
  }

  /** A connection could not be opened because of `cause`. */
  connectFailed(error: unknown, cause: unknown): void {
    this.noteError(error);
    const verdict = serverVerdict({ error: cause, deadlineEnd: undefined, awaitedServer: true });
    if (!this.isConnected) this.noteVerdict(verdict);
    this.check("no connection can be opened");
  }

  noteError(error: unknown): void {
    this.#lastError = { at: Date.now(), code: errorTypeOf(error), message: boundedMessageOf(error) };
    const tail: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "stderrTail") : undefined;
    if (typeof tail === "string" && tail !== "") this.#stderrTail = tail;
  }

  opened(connection: Connection, replica: number, durationMs: number): void {
    this.#open.set(connection, { replica, since: performance.now() });
    this.#isFailing = false;
    this.#emit({ type: "sessionOpened", replica, durationMs });
    this.check("a connection is open");
  }

  closed(connection: Connection, reason: string): void {
    const open = this.#open.get(connection);
    if (open === undefined) return;
    this.#stderrTail = connection.stderrTail() || this.#stderrTail;
    this.#open.delete(connection);
    this.#emit({ type: "sessionClosed", replica: open.replica, reason, durationMs: performance.now() - open.since });
    this.check("a connection has ended");
  }

  /** How the server is now. */
  get health(): Health {
    const states = this.#replicas.map(({ breaker }) => breaker?.state ?? "closed");
    if (states.every((state) => state === "open" || state === "forced-open")) return "unavailable";
    if (this.#isFailing) return this.isConnected ? "degraded" : "unavailable";
    if (states.some((state) => state === "open" || state === "half-open")) return "degraded";
    return this.isConnected ? "healthy" : "idle";
  }

  /** Since when it is so; time alone changes a breaker, so that it is looked at here too. */
  get since(): number {
    this.check("time has passed");
    return this.#health.since;
  }

  /** Tells a change of health. */
  check(reason: string): void {
    const from = this.#health.value;
    const to = this.health;
    if (from === to) return;
    this.#health = { value: to, since: Date.now() };
    this.#emit({ type: "health", from, to, reason });
  }
}
