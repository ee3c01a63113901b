import { atOnce } from "./check-options.js";
import type {
  BreakerFigures,
  BreakerSource,
  CacheFigures,
  CacheSource,
  PoolFigures,
  PoolSource,
  ServerFigures,
} from "./sources.js";

/** One key of a pool. `max` is null without a limit. */
export interface PoolKeySnapshot extends Pick<PoolFigures, "total" | "idle" | "leased" | "creating" | "destroying"> {
  readonly key: string;
  readonly waiting: number;
  readonly max: number | null;
}

/** A pool's figures. `max` is null without a limit. */
export interface PoolSnapshot extends Omit<PoolFigures, "max"> {
  readonly max: number | null;
}

/** A watched pool: its totals and its keys. */
export interface NamedPoolSnapshot extends PoolSnapshot {
  /** As given to `watchPool`. */
  readonly name: string | null;
  readonly keys: readonly PoolKeySnapshot[];
}

/** A cache's figures. `maxEntries` is null without a limit. */
export interface CacheSnapshot extends Omit<CacheFigures, "maxEntries"> {
  readonly maxEntries: number | null;
}

/** A watched cache. */
export interface NamedCacheSnapshot extends CacheSnapshot {
  /** As given to `watchCache`. */
  readonly name: string | null;
}

/** A breaker's figures. */
export type BreakerSnapshot = BreakerFigures;

/** A watched breaker. */
export interface NamedBreakerSnapshot extends BreakerSnapshot {
  readonly name: string;
}

/** One replica of a server; `breaker` is null where it has none. */
export interface ReplicaSnapshot {
  readonly index: number;
  readonly breaker: BreakerSnapshot | null;
}

/** One server of a client. `tools` is null before its first list, `cache` where it has none. */
export interface ServerSnapshot extends Omit<ServerFigures, "tools" | "pool" | "cache" | "replicas"> {
  readonly tools: number | null;
  readonly pool: PoolSnapshot;
  readonly cache: CacheSnapshot | null;
  readonly replicas: readonly ReplicaSnapshot[];
}

/** A watched client. */
export interface ClientSnapshot {
  readonly servers: readonly ServerSnapshot[];
}

/** All watched sources at one instant, as plain JSON: no `undefined`, no `Infinity`, no reference to a source. */
export interface MetricsSnapshot {
  /** When it was taken, in epoch milliseconds. */
  readonly at: number;
  readonly clients: readonly ClientSnapshot[];
  readonly pools: readonly NamedPoolSnapshot[];
  readonly caches: readonly NamedCacheSnapshot[];
  readonly breakers: readonly NamedBreakerSnapshot[];
}

/** These checks stand between a source from elsewhere and the scrape: one `undefined` in the text would spoil all of it. */
function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError(`not a finite number: ${value}`);
  return value;
}

function limit(value: unknown): number | null {
  return value === Number.POSITIVE_INFINITY ? null : number(value);
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`not a string: ${value}`);
  return value;
}

/** The count of a name that others have chosen: `constructor` is none that there is. */
export function countOf(counts: Readonly<Record<string, number>>, name: string): number {
  const count: unknown = Object.getOwnPropertyDescriptor(counts, name)?.value;
  return typeof count === "number" ? count : 0;
}

function counts(record: Readonly<Record<string, unknown>>): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, number(value)]));
}

function poolGauges(stats: PoolFigures): Omit<PoolKeySnapshot, "key"> {
  return {
    total: number(stats.total),
    idle: number(stats.idle),
    leased: number(stats.leased),
    creating: number(stats.creating),
    destroying: number(stats.destroying),
    waiting: number(stats.waiting),
    max: limit(stats.max),
  };
}

function copyHistogram({ bounds, counts, sum }: PoolFigures["acquireMs"]): PoolFigures["acquireMs"] {
  if (counts.length !== bounds.length + 1) throw new RangeError("acquireMs needs one count more than bounds");
  return { bounds: bounds.map(number), counts: counts.map(number), sum: number(sum) };
}

function copyPool(stats: PoolFigures): PoolSnapshot {
  // Written out, since a spread makes this the dearest part of a scrape.
  return {
    total: number(stats.total),
    idle: number(stats.idle),
    leased: number(stats.leased),
    creating: number(stats.creating),
    destroying: number(stats.destroying),
    waiting: number(stats.waiting),
    max: limit(stats.max),
    acquired: number(stats.acquired),
    released: number(stats.released),
    timeouts: number(stats.timeouts),
    cancelled: number(stats.cancelled),
    rejected: number(stats.rejected),
    created: number(stats.created),
    createFailures: number(stats.createFailures),
    destroyed: counts(stats.destroyed),
    waits: number(stats.waits),
    waitMs: number(stats.waitMs),
    createMs: number(stats.createMs),
    useMs: number(stats.useMs),
    acquireMs: copyHistogram(stats.acquireMs),
  };
}

/** Reads a pool and each key of it. Throws, as all of these, where a figure is missing or of the wrong kind. */
export function readPool(source: PoolSource, name: string | undefined): NamedPoolSnapshot {
  const keys = Array.from(atOnce(source.keys()), (key) => ({
    key: text(key),
    ...poolGauges(atOnce(source.stats(key))),
  }));
  return { name: name ?? null, ...copyPool(atOnce(source.stats())), keys };
}

function copyCache(stats: CacheFigures): CacheSnapshot {
  return {
    hits: number(stats.hits),
    staleHits: number(stats.staleHits),
    misses: number(stats.misses),
    loads: number(stats.loads),
    loadFailures: number(stats.loadFailures),
    loadMs: number(stats.loadMs),
    evictions: number(stats.evictions),
    expirations: number(stats.expirations),
    invalidations: number(stats.invalidations),
    size: number(stats.size),
    maxEntries: limit(stats.maxEntries),
  };
}

function copyBreaker(stats: BreakerFigures): BreakerSnapshot {
  return {
    state: text(stats.state),
    stateChangedAt: number(stats.stateChangedAt),
    calls: number(stats.calls),
    failures: number(stats.failures),
    rejected: number(stats.rejected),
    transitionsTo: counts(stats.transitionsTo),
  };
}

/** Reads a cache. */
export function readCache(source: CacheSource, name: string | undefined): NamedCacheSnapshot {
  return { name: name ?? null, ...copyCache(atOnce(source.stats())) };
}

/** Reads a breaker. */
export function readBreaker(source: BreakerSource): NamedBreakerSnapshot {
  return { name: text(source.name), ...copyBreaker(atOnce(source.stats())) };
}

/** Copies what is read of a server's status. */
export function copyServer(status: ServerFigures): ServerSnapshot {
  const { name, health, connected, tools, calls, pool, cache, replicas } = status;
  return {
    name: text(name),
    health: text(health),
    connected: connected === true,
    tools: tools === undefined ? null : number(tools),
    calls: {
      succeeded: number(calls.succeeded),
      failed: number(calls.failed),
      cancelled: number(calls.cancelled),
      inFlight: number(calls.inFlight),
      retries: number(calls.retries),
    },
    pool: copyPool(pool),
    cache: cache === undefined ? null : copyCache(cache),
    replicas: replicas.map(({ index, breaker }) => ({
      index: number(index),
      breaker: breaker === undefined ? null : copyBreaker(breaker),
    })),
  };
}
