import { CallDurations, type DurationRecorder } from "./call-durations.js";
import { atOnce } from "./check-options.js";
import { LabelSet } from "./label-set.js";
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
import { breakerCounters, breakerState, cacheSeries, poolCounters, poolSeries, serverSeries } from "./source-series.js";
import type { BreakerSource, CacheSource, ClientSource, PoolSource } from "./sources.js";
import { type BreakerGroup, WatchedBreakers } from "./watched-breakers.js";

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
  readonly #breakers = new WatchedBreakers();
  readonly #clients = new Map<ClientSource, ClientWatch>();
  readonly #errors: Record<SourceKind, number> = { breaker: 0, cache: 0, client: 0, pool: 0 };
  readonly #maxToolsPerServer: number;
  readonly #recorders = new Set<DurationRecorder>();
  #root = LabelSet.empty();
  /** Known once a scrape has made the labels of all there is. */
  #maxLabels = Number.POSITIVE_INFINITY;

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
    const present = () => this.#attempt("client", () => namesOf(atOnce(source.status()))) ?? new Set<string>();
    const durations = new CallDurations(this.#maxToolsPerServer, present, this.#recorders);
    const unsubscribe = source.subscribe(durations.record);
    this.#clients.set(source, { durations, totals: new PoolTotals(), unsubscribe });
  }

  remove(source: object): void {
    drop(this.#pools, source);
    drop(this.#caches, source);
    this.#breakers.remove(source, (group, breaker) => this.#readInto(group, breaker));
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

  /** Tells `record` the duration of every call from now on; the returned function ends that. */
  onDuration(record: DurationRecorder): () => void {
    const guarded: DurationRecorder = (labels, seconds) => this.#attempt("client", () => record(labels, seconds));
    this.#recorders.add(guarded);
    return () => void this.#recorders.delete(guarded);
  }

  samples(): Samples {
    const start = performance.now();
    const samples = new Samples();
    const root = this.#labels();
    for (const client of this.#readClients()) this.#attempt("client", () => addClient(samples, root, client));
    for (const pool of this.#readPools()) this.#attempt("pool", () => poolSeries(samples, root, pool));
    for (const cache of this.#readCaches())
      cacheSeries(samples, cache.name === null ? root : root.with("cache", labelValue(cache.name)), cache);
    for (const group of this.#breakers.groups()) this.#addBreakers(samples, root, group);
    for (const [source, count] of Object.entries(this.#errors))
      samples.add("metrics_collect_errors_total", root.with("source", source), count);
    samples.add("metrics_collect_duration_seconds", root, (performance.now() - start) / 1000);
    return samples;
  }

  /** The labels of the scrapes before, begun anew once those of sources that are gone outnumber the rest. */
  #labels(): LabelSet {
    const size = this.#root.treeSize;
    if (size > this.#maxLabels) {
      this.#root = LabelSet.empty();
      this.#maxLabels = Number.POSITIVE_INFINITY;
    } else if (this.#maxLabels === Number.POSITIVE_INFINITY) this.#maxLabels = 2 * size + 1_000;
    return this.#root;
  }

  #addBreakers(samples: Samples, root: LabelSet, group: BreakerGroup): void {
    const labels = root.with("server", group.label);
    let read = 0;
    for (const source of group.sources) {
      const breaker = this.#readInto(group, source);
      if (breaker === undefined) continue;
      breakerState(samples, labels, breaker);
      read += 1;
    }
    if (read > 0) breakerCounters(samples, labels, group.totals.total);
  }

  #readInto(group: BreakerGroup, source: BreakerSource): NamedBreakerSnapshot | undefined {
    const breaker = this.#attempt("breaker", () => readBreaker(source));
    if (breaker !== undefined) group.totals.update(source, breaker);
    return breaker;
  }

  #readClients(): ReadClient[] {
    return this.#each("client", this.#clients, ([source, watch]) => {
      const statuses = Array.from(atOnce(source.status()));
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
    return this.#each("breaker", this.#breakers.sources(), readBreaker);
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

function addClient(samples: Samples, root: LabelSet, { watch, names, servers }: ReadClient): void {
  for (const server of servers) serverSeries(samples, root, server);
  for (const { labels, ...histogram } of watch.durations.histograms(names)) {
    let set = root;
    for (const [name, value] of Object.entries(labels)) set = set.with(name, value);
    samples.addHistogram("client_operation_duration_seconds", set, histogram);
  }
  poolCounters(samples, root, watch.totals.update(servers, names));
}

function namesOf(statuses: Iterable<{ readonly name: string }>): ReadonlySet<string> {
  return new Set(Array.from(statuses, ({ name }) => name));
}

function drop<T>(watched: { keys(): Iterable<T>; delete(source: T): boolean }, source: object): void {
  for (const key of watched.keys()) if (key === source) watched.delete(key);
}
