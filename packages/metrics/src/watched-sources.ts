import { CallDurations } from "./call-durations.js";
import { labelValue } from "./label-value.js";
import { PoolTotals } from "./pool-totals.js";
import { Samples } from "./samples.js";
import {
  copyServer,
  type MetricsSnapshot,
  type NamedBreakerSnapshot,
  type NamedCacheSnapshot,
  type NamedPoolSnapshot,
  readBreaker,
  readCache,
  readPool,
  type ServerSnapshot,
} from "./snapshot.js";
import { breakerSeries, cacheSeries, poolCounters, poolSeries, serverSeries } from "./source-series.js";
import type { BreakerSource, CacheSource, ClientSource, PoolSource } from "./sources.js";

interface ClientWatch {
  readonly durations: CallDurations;
  readonly totals: PoolTotals;
  readonly unsubscribe: () => void;
}

type SourceKind = "breaker" | "cache" | "client" | "pool";

/** What is watched, and how it becomes a snapshot or the samples of a scrape. A source that fails costs only itself. */
export class WatchedSources {
  readonly #pools = new Map<PoolSource, string | undefined>();
  readonly #caches = new Map<CacheSource, string | undefined>();
  readonly #breakers = new Set<BreakerSource>();
  readonly #clients = new Map<ClientSource, ClientWatch>();
  readonly #errors: Record<SourceKind, number> = { breaker: 0, cache: 0, client: 0, pool: 0 };
  readonly #maxToolsPerServer: number;

  constructor(maxToolsPerServer: number) {
    this.#maxToolsPerServer = maxToolsPerServer;
  }

  addPool(source: PoolSource, name: string | undefined): void {
    this.#pools.set(source, name);
  }

  addCache(source: CacheSource, name: string | undefined): void {
    this.#caches.set(source, name);
  }

  addBreaker(source: BreakerSource): void {
    this.#breakers.add(source);
  }

  addClient(source: ClientSource): void {
    if (this.#clients.has(source)) return;
    const present = () => this.#attempt("client", () => namesOf(source.status())) ?? new Set<string>();
    const durations = new CallDurations(this.#maxToolsPerServer, present);
    const unsubscribe = source.subscribe(durations.record);
    this.#clients.set(source, { durations, totals: new PoolTotals(), unsubscribe });
  }

  remove(source: object): void {
    drop(this.#pools, source);
    drop(this.#caches, source);
    drop(this.#breakers, source);
    for (const [client, { unsubscribe }] of this.#clients) {
      if (client !== source) continue;
      this.#clients.delete(client);
      unsubscribe();
    }
  }

  snapshot(): MetricsSnapshot {
    return {
      at: Date.now(),
      clients: this.#readClients().map(({ servers }) => ({ servers })),
      pools: this.#readPools(),
      caches: this.#readCaches(),
      breakers: this.#readBreakers(),
    };
  }

  samples(): Samples {
    const start = performance.now();
    const samples = new Samples();
    for (const client of this.#readClients()) this.#attempt("client", () => addClient(samples, client));
    for (const pool of this.#readPools()) this.#attempt("pool", () => poolSeries(samples, pool));
    for (const cache of this.#readCaches())
      cacheSeries(samples, cache.name === null ? {} : { cache: labelValue(cache.name) }, cache);
    for (const breaker of this.#readBreakers()) breakerSeries(samples, { server: labelValue(breaker.name) }, breaker);
    for (const [source, count] of Object.entries(this.#errors))
      samples.add("mcp_metrics_collect_errors_total", { source }, count);
    samples.add("mcp_metrics_collect_duration_seconds", {}, (performance.now() - start) / 1000);
    return samples;
  }

  #readClients(): ReadClient[] {
    return this.#each("client", this.#clients, ([source, watch]) => {
      const statuses = Array.from(source.status());
      return { watch, names: namesOf(statuses), servers: this.#each("client", statuses, copyServer) };
    });
  }

  #readPools(): NamedPoolSnapshot[] {
    return this.#each("pool", this.#pools, ([source, name]) => readPool(source, name));
  }

  #readCaches(): NamedCacheSnapshot[] {
    return this.#each("cache", this.#caches, ([source, name]) => readCache(source, name));
  }

  #readBreakers(): NamedBreakerSnapshot[] {
    return this.#each("breaker", this.#breakers, readBreaker);
  }

  /** What `read` makes of each one, without those where it throws: these are counted. */
  #each<S, T>(kind: SourceKind, sources: Iterable<S>, read: (source: S) => T): T[] {
    return Array.from(sources).flatMap((source) => this.#attempt(kind, () => [read(source)]) ?? []);
  }

  #attempt<T>(kind: SourceKind, task: () => T): T | undefined {
    try {
      return task();
    } catch {
      this.#errors[kind] += 1;
      return undefined;
    }
  }
}

interface ReadClient {
  readonly watch: ClientWatch;
  /** All its servers, those whose figures could not be read too: they are not gone. */
  readonly names: ReadonlySet<string>;
  readonly servers: readonly ServerSnapshot[];
}

function addClient(samples: Samples, { watch, names, servers }: ReadClient): void {
  for (const server of servers) serverSeries(samples, server);
  for (const histogram of watch.durations.histograms(names))
    samples.addHistogram("mcp_client_operation_duration_seconds", histogram);
  poolCounters(samples, {}, watch.totals.update(servers, names));
}

function namesOf(statuses: Iterable<{ readonly name: string }>): ReadonlySet<string> {
  return new Set(Array.from(statuses, ({ name }) => name));
}

function drop<T>(watched: { keys(): Iterable<T>; delete(source: T): boolean }, source: object): void {
  for (const key of watched.keys()) if (key === source) watched.delete(key);
}
