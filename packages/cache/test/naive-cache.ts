import type { CacheStats, EvictionPolicy, RemovalReason } from "../src/index.js";

interface Line {
  readonly key: string;
  value: number;
  storedAt: number;
  ttlMs: number;
  /** Ranks in one count of all events, for every policy the one it needs. */
  readonly insertedAt: number;
  writtenAt: number;
  usedAt: number;
  uses: number;
  hits: number;
}

/** What a cache does, written as plainly as possible: one list, searched from end to end. Time is passed in. */
export class NaiveCache {
  lines: Line[] = [];
  readonly events: { key: string; value: number; reason: RemovalReason }[] = [];
  readonly counts = { hits: 0, misses: 0, staleHits: 0, inserts: 0, evictions: 0, expirations: 0, invalidations: 0 };
  readonly #policy: EvictionPolicy;
  readonly #maxEntries: number;
  readonly #ttlMs: number;
  readonly #swrMs: number;
  readonly #sieMs: number;
  #rank = 0;
  #usesSinceHalving = 0;

  constructor(options: { policy: EvictionPolicy; maxEntries: number; ttlMs: number; swrMs: number; sieMs: number }) {
    this.#policy = options.policy;
    this.#maxEntries = options.maxEntries;
    this.#ttlMs = options.ttlMs;
    this.#swrMs = options.swrMs;
    this.#sieMs = options.sieMs;
  }

  get(key: string, now: number): number | undefined {
    const line = this.#use(key);
    if (line === undefined || !this.#isFresh(line, now)) {
      this.counts.misses += 1;
      if (line !== undefined && this.#isGone(line, now)) this.#remove(line, "expired");
      return undefined;
    }
    this.counts.hits += 1;
    line.hits += 1;
    return line.value;
  }

  /** `getOrSet` with a load that is done before anything else happens. What it gives is what the caller gets. */
  getOrSet(key: string, loaded: number, now: number): number {
    const line = this.#use(key);
    if (line !== undefined && this.#isGone(line, now)) this.#remove(line, "expired");
    else if (line !== undefined && now < line.storedAt + line.ttlMs + (this.#isFresh(line, now) ? 0 : this.#swrMs)) {
      this.counts[this.#isFresh(line, now) ? "hits" : "staleHits"] += 1;
      line.hits += 1;
      const { value } = line;
      if (!this.#isFresh(line, now)) this.set(key, loaded, this.#ttlMs, now);
      return value;
    }
    this.counts.misses += 1;
    this.set(key, loaded, this.#ttlMs, now);
    return loaded;
  }

  set(key: string, value: number, ttlMs: number, now: number): void {
    let line = this.lines.find((other) => other.key === key);
    if (line !== undefined && (ttlMs === 0 || this.#isGone(line, now))) {
      this.#remove(line, this.#isGone(line, now) ? "expired" : "replaced");
      line = undefined;
    }
    if (ttlMs === 0) return;
    this.counts.inserts += 1;
    if (line !== undefined) {
      if (line.value !== value) this.events.push({ key, value: line.value, reason: "replaced" });
      this.#rank += 1;
      Object.assign(line, { value, ttlMs, storedAt: now, writtenAt: this.#rank });
      this.#use(key);
      return;
    }
    if (this.lines.length >= this.#maxEntries) this.#makeRoom(now);
    this.#rank += 1;
    const rank = this.#rank;
    this.lines.push({
      key,
      value,
      ttlMs,
      storedAt: now,
      insertedAt: rank,
      writtenAt: rank,
      usedAt: rank,
      uses: 1,
      hits: 0,
    });
    this.#age();
  }

  invalidate(key: string, now: number): boolean {
    const line = this.lines.find((other) => other.key === key);
    if (line === undefined) return false;
    const gone = this.#isGone(line, now);
    this.#remove(line, gone ? "expired" : "invalidated");
    return !gone;
  }

  clear(now: number): void {
    for (const line of [...this.lines]) this.#remove(line, this.#isGone(line, now) ? "expired" : "cleared");
  }

  sweep(now: number): void {
    for (const line of [...this.lines]) if (this.#isGone(line, now)) this.#remove(line, "expired");
  }

  /** What may be seen without a trace: key to value, hits and state. */
  view(now: number): Map<string, { value: number; hits: number; state: string; ageMs: number }> {
    return new Map(
      this.lines
        .filter((line) => !this.#isGone(line, now))
        .map(({ key, value, hits, storedAt, ttlMs }) => {
          const ageMs = now - storedAt;
          return [key, { value, hits, ageMs, state: ageMs < ttlMs ? "fresh" : "stale" }];
        }),
    );
  }

  stats(now: number): Partial<CacheStats> {
    const { hits, misses, staleHits } = this.counts;
    const reads = hits + misses + staleHits;
    return {
      ...this.counts,
      size: this.view(now).size,
      hitRate: reads === 0 ? 0 : (hits + staleHits) / reads,
      missRate: reads === 0 ? 0 : misses / reads,
    };
  }

  #isFresh(line: Line, now: number): boolean {
    return now - line.storedAt < line.ttlMs;
  }

  #isGone(line: Line, now: number): boolean {
    return now - line.storedAt >= line.ttlMs + Math.max(this.#swrMs, this.#sieMs);
  }

  #use(key: string): Line | undefined {
    const line = this.lines.find((other) => other.key === key);
    if (line === undefined) return undefined;
    this.#rank += 1;
    line.usedAt = this.#rank;
    line.uses += 1;
    this.#age();
    return line;
  }

  #age(): void {
    this.#usesSinceHalving += 1;
    if (this.#usesSinceHalving < 10 * this.#maxEntries) return;
    this.#usesSinceHalving = 0;
    for (const line of this.lines) line.uses = Math.floor(line.uses / 2);
  }

  #makeRoom(now: number): void {
    const byExpiry = (line: Line): number => line.storedAt + line.ttlMs;
    const soonest = (one: Line, other: Line): number =>
      byExpiry(one) === byExpiry(other) ? one.writtenAt - other.writtenAt : byExpiry(one) - byExpiry(other);
    const orders: Record<EvictionPolicy, (one: Line, other: Line) => number> = {
      lru: (one, other) => one.usedAt - other.usedAt,
      lfu: (one, other) => one.uses - other.uses || one.usedAt - other.usedAt,
      fifo: (one, other) => one.insertedAt - other.insertedAt,
      ttl: soonest,
    };
    const [gone] = this.lines.filter((line) => this.#isGone(line, now)).sort(soonest);
    const [victim] = [...this.lines].sort(orders[this.#policy]);
    if (gone !== undefined) this.#remove(gone, "expired");
    else if (victim !== undefined) this.#remove(victim, "evicted");
  }

  #remove(line: Line, reason: RemovalReason): void {
    this.lines = this.lines.filter((other) => other !== line);
    this.events.push({ key: line.key, value: line.value, reason });
    if (reason === "evicted") this.counts.evictions += 1;
    else if (reason === "expired") this.counts.expirations += 1;
    else if (reason !== "replaced") this.counts.invalidations += 1;
  }
}
