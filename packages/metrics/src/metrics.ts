import type { IncomingMessage, ServerResponse } from "node:http";
import { Registry as PromRegistry } from "prom-client";
import { type Alias, aliases } from "./aliases.js";
import { checkInteger, checkKeys, checkMethods, shown } from "./check-options.js";
import { MetricNameTakenError } from "./errors.js";
import { type FamilyName, families, familyNames } from "./families.js";
import type { MeterLike } from "./meter-like.js";
import { exportToMeter } from "./otel-export.js";
import { processFamilies } from "./process-series.js";
import { type Family, type Registry, registerFamily, type SeriesValue } from "./registry.js";
import { histogramSeries, type Samples, valueSeries } from "./samples.js";
import { scrapeResponse } from "./scrape-response.js";
import type { MetricsSnapshot } from "./snapshot.js";
import type { BreakerSource, CacheSource, ClientSource, PoolSource } from "./sources.js";
import { WatchedSources } from "./watched-sources.js";

/** The original document whose metric names are served beside the canonical ones. */
export type AliasSet = "phase-3" | "tutorial-4";

/** Options of {@link Metrics}. */
export interface MetricsOptions {
  /**
   * Where the metrics are registered: a registry of `prom-client` or `@prometheus-io/client` that renders Prometheus
   * text 0.0.4. Default: one of its own, with a few metrics of the process beside. The global registry is never used.
   */
  readonly registry?: Registry | undefined;
  /** Old names served as well, untyped and marked as deprecated. Default: `["phase-3"]`. */
  readonly aliases?: readonly AliasSet[] | undefined;
  /**
   * Tools of one server that get a label `gen_ai_tool_name` on the duration of calls; the rest counts as `other`. Each
   * one costs 17 series per outcome. 0 to 1,000, default: 0, no such label.
   */
  readonly maxToolsPerServer?: number | undefined;
  /**
   * What the name of every family begins with: lower-case letters, digits and `_`, ending in `_`, or nothing. The
   * aliases keep the names that they have. Default: `"mcp_"`.
   */
  readonly prefix?: string | undefined;
}

/** Options of `watchPool` and `watchCache`. */
export interface WatchOptions {
  /** The value of the label `pool` or `cache`, which tells several of a kind apart. Default: no label. */
  readonly name?: string | undefined;
}

type Entry = readonly [name: string, family: Family, series: (samples: () => Samples) => readonly SeriesValue[]];

/**
 * Prometheus metrics of MCP clients, pools, caches and circuit breakers.
 *
 * All sources are read when a scrape arrives; only the duration of calls is recorded as they end. A source that throws
 * or reports nonsense loses its own series, is counted in `mcp_metrics_collect_errors_total`, and hurts no other.
 */
export class Metrics {
  readonly #registry: Registry;
  readonly #sources: WatchedSources;
  readonly #prefix: string;
  #current: Samples | undefined;

  /**
   * Registers all metric families; series appear with the sources.
   *
   * @throws TypeError or RangeError for a wrong option, {@link MetricNameTakenError} (`ERR_METRICS_NAME_TAKEN`) where
   * the registry already has a metric of one of the names. Nothing is registered then.
   */
  constructor(options: MetricsOptions = {}) {
    checkKeys("Metrics", options, ["registry", "aliases", "maxToolsPerServer", "prefix"]);
    const { registry, aliases: sets = ["phase-3"], maxToolsPerServer = 0, prefix = "mcp_" } = options;
    checkAliases(sets);
    checkInteger("Metrics", "maxToolsPerServer", maxToolsPerServer, 0, 1_000);
    checkPrefix(prefix);
    if (registry !== undefined) checkRegistry(registry);
    this.#prefix = prefix;
    this.#registry = registry ?? new PromRegistry();
    this.#sources = new WatchedSources(maxToolsPerServer);

    const entries = [
      ...canonicalEntries(prefix),
      ...aliasEntries(sets, prefix),
      ...(registry === undefined ? processEntries() : []),
    ];
    for (const [name] of entries)
      if (this.#registry.getSingleMetric(name) !== undefined) throw new MetricNameTakenError(name);
    const samples = () => this.#samples();
    for (const [name, family, series] of entries) registerFamily(this.#registry, name, family, () => series(samples));
  }

  /** Watches a pool: its keys become the label `server`. A pool already watched gets the new name. */
  watchPool(source: PoolSource, options: WatchOptions = {}): this {
    checkMethods("Metrics: a pool", source, ["keys", "stats"]);
    this.#sources.addPool(source, checkedName("watchPool", options));
    return this;
  }

  /** Watches a cache. A cache already watched gets the new name. */
  watchCache(source: CacheSource, options: WatchOptions = {}): this {
    checkMethods("Metrics: a cache", source, ["stats"]);
    this.#sources.addCache(source, checkedName("watchCache", options));
    return this;
  }

  /** Watches a circuit breaker; its name becomes the label `server`. */
  watchBreaker(source: BreakerSource): this {
    checkMethods("Metrics: a breaker", source, ["stats"]);
    if (typeof source.name !== "string") throw new TypeError("Metrics: a breaker must have a name");
    this.#sources.addBreaker(source);
    return this;
  }

  /** Watches a client with its pool, caches and breakers, which need not be watched themselves. */
  watchClient(source: ClientSource): this {
    checkMethods("Metrics: a client", source, ["status", "subscribe"]);
    this.#sources.addClient(source);
    return this;
  }

  /** Ends the watch of any source; its series are gone at the next scrape. Does nothing for an unknown one. */
  unwatch(source: object): this {
    this.#sources.remove(source);
    return this;
  }

  /**
   * Exports the same figures through an OpenTelemetry meter as well, until the returned handle is disposed. The
   * duration of calls is recorded as they end, everything else is observed when the meter collects; names follow the
   * conventions of OpenTelemetry, with the prefix as their namespace (`mcp.pool.acquires`). Infinite limits are left out.
   *
   * @throws TypeError where the meter has not the methods that are needed.
   */
  otel(meter: MeterLike): Disposable {
    checkMethods("Metrics: a meter", meter, [
      "createHistogram",
      "createObservableCounter",
      "createObservableGauge",
      "createObservableUpDownCounter",
      "addBatchObservableCallback",
      "removeBatchObservableCallback",
    ]);
    let end: (() => void) | undefined = exportToMeter(meter, this.#prefix.replace(/_$/, "."), {
      samples: () => this.#samples(),
      onDuration: (record) => this.#sources.onDuration(record),
    });
    return {
      [Symbol.dispose]: () => {
        end?.();
        end = undefined;
      },
    };
  }

  /** All metrics of the registry, read now. Rejects only where a metric that others put into the registry does. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The content type of {@link Metrics.text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /**
   * A listener for `http.createServer`, or for one route of any server: each request is a live scrape, gzipped where
   * that is accepted. Answers GET and HEAD on any path, 405 to other methods, 500 where `text()` rejects.
   */
  handler(): (request: IncomingMessage, response: ServerResponse) => void {
    return (request, response) => {
      const asked = { method: request.method, acceptEncoding: request.headers["accept-encoding"] };
      void scrapeResponse(this, asked).then(({ status, headers, body }) => {
        // Somebody else may have answered meanwhile, a timeout for one.
        if (response.headersSent) return;
        response.writeHead(status, { ...headers, "content-length": body.byteLength });
        response.end(request.method === "HEAD" ? undefined : body);
      });
    };
  }

  /** The same as {@link Metrics.handler} for servers that speak in `Request` and `Response`. */
  async fetch(request: Request): Promise<Response> {
    const acceptEncoding = request.headers.get("accept-encoding");
    const { status, headers, body } = await scrapeResponse(this, { method: request.method, acceptEncoding });
    return new Response(request.method === "HEAD" ? null : body, { status, headers });
  }

  /** The figures of all sources as plain JSON, without those that cannot be read. */
  snapshot(): MetricsSnapshot {
    return this.#sources.snapshot();
  }

  /** One reading for all families of a scrape: registries ask each family in turn, without a pause. */
  #samples(): Samples {
    if (this.#current === undefined) {
      this.#current = this.#sources.samples();
      queueMicrotask(() => {
        this.#current = undefined;
      });
    }
    return this.#current;
  }
}

function canonicalEntries(prefix: string): Entry[] {
  return familyNames.map((family) => {
    const name = prefix + family;
    const series = (samples: Samples) =>
      families[family].type === "histogram"
        ? histogramSeries(name, samples.histograms(family))
        : valueSeries(samples.values(family));
    return [name, families[family], (samples) => series(samples())];
  });
}

/** The aliases whose names are not those of the families themselves. */
function aliasEntries(sets: readonly AliasSet[], prefix: string): Entry[] {
  const canonical = new Map<string, FamilyName>(familyNames.map((family) => [prefix + family, family]));
  const wanted = [...new Set(sets)].flatMap((set) => aliases[set]).map((make) => make((family) => prefix + family));
  return wanted.filter((alias) => !isCanonical(alias, canonical, prefix)).map(aliasEntry);
}

function isCanonical(alias: Alias, canonical: ReadonlyMap<string, FamilyName>, prefix: string): boolean {
  const family = canonical.get(alias.name);
  if (family !== undefined && family !== alias.sameAs)
    throw new RangeError(`Metrics: prefix "${prefix}" gives ${alias.name} to a metric and to an alias of another form`);
  return family !== undefined;
}

function aliasEntry(alias: Alias): Entry {
  return [alias.name, alias, (samples) => alias.series(samples())];
}

function processEntries(): Entry[] {
  return processFamilies.map((family) => [family.name, family, family.series]);
}

function checkAliases(sets: readonly AliasSet[]): void {
  const known = Object.keys(aliases);
  if (!Array.isArray(sets)) throw new TypeError(`Metrics: aliases must be an array, got ${shown(sets)}`);
  for (const set of sets)
    if (!known.includes(set)) throw new RangeError(`Metrics: aliases may hold ${known.join(", ")}, got ${shown(set)}`);
}

function checkPrefix(prefix: string): void {
  const rule = `Metrics: prefix must be lower-case letters, digits and _, ending in _, or nothing, got ${shown(prefix)}`;
  if (typeof prefix !== "string") throw new TypeError(rule);
  if (!/^(?:[a-z][a-z0-9_]*_)?$/.test(prefix) || prefix.length > 100) throw new RangeError(rule);
}

function checkRegistry(registry: Registry): void {
  checkMethods("Metrics: registry", registry, ["registerMetric", "getSingleMetric", "metrics"]);
  if (!/^text\/plain;.*version=0\.0\.4/.test(registry.contentType))
    throw new TypeError(`Metrics: registry must render Prometheus text 0.0.4, got ${shown(registry.contentType)}`);
}

function checkedName(method: string, options: WatchOptions): string | undefined {
  checkKeys(`Metrics: ${method}`, options, ["name"]);
  const { name } = options;
  if (name !== undefined && (typeof name !== "string" || name === ""))
    throw new TypeError(`Metrics: ${method}: name must be a non-empty string, got ${shown(name)}`);
  return name;
}
