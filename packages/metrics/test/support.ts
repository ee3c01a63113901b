import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type {
  BreakerFigures,
  BreakerSource,
  CacheFigures,
  CacheSource,
  CallFinished,
  ClientSource,
  PoolFigures,
  PoolSource,
  ServerFigures,
} from "../src/index.js";

/** Figures with nothing in them but what is given. */
export function poolFigures(figures: Partial<PoolFigures> = {}): PoolFigures {
  return {
    total: 0,
    idle: 0,
    leased: 0,
    creating: 0,
    destroying: 0,
    waiting: 0,
    max: 10,
    acquired: 0,
    released: 0,
    timeouts: 0,
    cancelled: 0,
    rejected: 0,
    created: 0,
    createFailures: 0,
    destroyed: { idle: 0, died: 0 },
    waits: 0,
    waitMs: 0,
    createMs: 0,
    useMs: 0,
    acquireMs: { bounds: [0.5, 1, 2.5, 1000], counts: [0, 0, 0, 0, 0], sum: 0 },
    ...figures,
  };
}

export function cacheFigures(figures: Partial<CacheFigures> = {}): CacheFigures {
  return {
    hits: 0,
    staleHits: 0,
    misses: 0,
    loads: 0,
    loadFailures: 0,
    loadMs: 0,
    evictions: 0,
    expirations: 0,
    invalidations: 0,
    size: 0,
    maxEntries: 100,
    ...figures,
  };
}

export function breakerFigures(figures: Partial<BreakerFigures> = {}): BreakerFigures {
  return {
    state: "closed",
    stateChangedAt: 1_000,
    calls: 0,
    failures: 0,
    rejected: 0,
    transitionsTo: { closed: 0, open: 0, "half-open": 0, "forced-open": 0, "forced-closed": 0 },
    ...figures,
  };
}

export function serverFigures(name: string, figures: Partial<ServerFigures> = {}): ServerFigures {
  return {
    name,
    health: "healthy",
    connected: true,
    tools: 15,
    calls: { succeeded: 0, failed: 0, cancelled: 0, inFlight: 0, retries: 0 },
    pool: poolFigures(),
    cache: cacheFigures(),
    replicas: [{ index: 0, breaker: breakerFigures() }],
    ...figures,
  };
}

export function pool(keys: Readonly<Record<string, PoolFigures>>, totals: PoolFigures = poolFigures()): PoolSource {
  return {
    keys: () => Object.keys(keys),
    stats: (key) => (key === undefined ? totals : (keys[key] ?? poolFigures())),
  };
}

export function cache(figures: Partial<CacheFigures> = {}): CacheSource {
  return { stats: () => cacheFigures(figures) };
}

export function breaker(name: string, figures: Partial<BreakerFigures> = {}): BreakerSource {
  return { name, stats: () => breakerFigures(figures) };
}

/** A client whose servers and events the test decides. */
export class FakeClient implements ClientSource {
  servers: ServerFigures[];
  reads = 0;
  readonly listeners = new Set<(event: CallFinished | object) => void>();

  constructor(servers: ServerFigures[] = []) {
    this.servers = servers;
  }

  status(): readonly ServerFigures[] {
    this.reads += 1;
    return this.servers;
  }

  subscribe(listener: (event: CallFinished | object) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  emit(event: CallFinished | object): void {
    for (const listener of this.listeners) listener(event);
  }

  /** A call to a tool that ended. */
  call(server: string, durationMs: number, event: Partial<CallFinished> = {}): void {
    this.emit(finished(server, durationMs, event));
  }
}

export function finished(server: string, durationMs: number, event: Partial<CallFinished> = {}): CallFinished {
  return {
    type: "callFinished",
    server,
    method: "tools/call",
    tool: "search",
    durationMs,
    outcome: event.errorType === undefined ? "success" : "error",
    errorType: undefined,
    ...event,
  };
}

/** The lines of a scrape that are no comments. */
export function seriesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

/** The series of one family: `labels -> value`, both as they stand in the text. */
export function family(text: string, name: string): Record<string, string> {
  const series = seriesOf(text).map((line) => /^([\w:]+)(\{.*\})? (\S+)$/.exec(line));
  return Object.fromEntries(series.flatMap((match) => (match?.[1] === name ? [[match[2] ?? "", match[3] ?? ""]] : [])));
}

/** What a scrape declares: `name -> type`. */
export function declared(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = "", type = ""]) => [name, type]));
}

/** A file of the package. */
export function fileOf(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

export function textOf(path: string): string {
  return readFileSync(fileOf(path), "utf8");
}
