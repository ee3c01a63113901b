/** The figures of a pool, or of one key of it, as `@minion/pool` reports them. Durations are milliseconds. */
export interface PoolFigures {
  /** Resources in any state: `idle + leased + creating + destroying`. */
  readonly total: number;
  readonly idle: number;
  readonly leased: number;
  readonly creating: number;
  readonly destroying: number;
  /** Callers that wait for a resource now. */
  readonly waiting: number;
  /** The limit on resources; `Infinity` where there is none. */
  readonly max: number;
  readonly acquired: number;
  readonly released: number;
  readonly timeouts: number;
  readonly cancelled: number;
  readonly rejected: number;
  readonly created: number;
  readonly createFailures: number;
  /** Resources destroyed, by reason. */
  readonly destroyed: Readonly<Record<string, number>>;
  /** Acquires that had to wait, and how long all of them waited together. */
  readonly waits: number;
  readonly waitMs: number;
  readonly createMs: number;
  readonly useMs: number;
  /** Histogram of the time to a lease: upper bounds, the count in each bucket alone and one more above the last bound, the sum. */
  readonly acquireMs: {
    readonly bounds: readonly number[];
    readonly counts: readonly number[];
    readonly sum: number;
  };
}

/** Anything that reports like a pool of `@minion/pool`. */
export interface PoolSource {
  keys(): Iterable<string>;
  /** The figures of one key, or without one the totals of the pool. */
  stats(key?: string): PoolFigures;
}

/** The figures of a cache as `@minion/cache` reports them. A read is a hit, a stale hit or a miss. */
export interface CacheFigures {
  readonly hits: number;
  readonly staleHits: number;
  readonly misses: number;
  readonly loads: number;
  readonly loadFailures: number;
  readonly loadMs: number;
  readonly evictions: number;
  readonly expirations: number;
  readonly invalidations: number;
  readonly size: number;
  /** The limit on entries; `Infinity` where there is none. */
  readonly maxEntries: number;
}

/** Anything that reports like a cache of `@minion/cache`. */
export interface CacheSource {
  stats(): CacheFigures;
}

/** The figures of a circuit breaker as `@minion/breaker` reports them. */
export interface BreakerFigures {
  /** `closed`, `open`, `half-open`, `forced-open` or `forced-closed`. */
  readonly state: string;
  /** Epoch milliseconds. */
  readonly stateChangedAt: number;
  readonly calls: number;
  readonly failures: number;
  readonly rejected: number;
  /** Transitions into each state. */
  readonly transitionsTo: Readonly<Record<string, number>>;
}

/** Anything that reports like a circuit breaker of `@minion/breaker`. */
export interface BreakerSource {
  readonly name: string;
  stats(): BreakerFigures;
}

/** What is read of one server's status. */
export interface ServerFigures {
  readonly name: string;
  /** `healthy`, `degraded`, `unavailable` or `idle`. */
  readonly health: string;
  readonly connected: boolean;
  /** Tools in the last list; `undefined` before the first. */
  readonly tools: number | undefined;
  /** Calls that ended, by outcome, those in flight, and the retries made. */
  readonly calls: {
    readonly succeeded: number;
    readonly failed: number;
    readonly cancelled: number;
    readonly inFlight: number;
    readonly retries: number;
  };
  readonly pool: PoolFigures;
  readonly cache: CacheFigures | undefined;
  readonly replicas: readonly { readonly index: number; readonly breaker: BreakerFigures | undefined }[];
}

/** The event a client sends when a call is over; other events are ignored. */
export interface CallFinished {
  readonly type: "callFinished";
  readonly server: string;
  /** The MCP method, `tools/call` for one. */
  readonly method: string;
  /** The tool's own name, where one was called. */
  readonly tool: string | undefined;
  /** Milliseconds that it waited for the server; `undefined` where it never came to that: then it is in no latency figure. */
  readonly durationMs: number | undefined;
  readonly outcome: "success" | "error" | "cancelled";
  /** `undefined` on success. */
  readonly errorType: string | undefined;
}

/** Anything that reports like a `MinionClient` of `@minion/client`. */
export interface ClientSource {
  status(): Iterable<ServerFigures>;
  /** Calls the listener at each event until the returned function is called. */
  subscribe(listener: (event: CallFinished | object) => void): () => void;
}
