/** What a cache has done since it was made, and how full it is. Counters only grow. */
export interface CacheStats {
  /** Reads (`get`, `getOrSet`) answered with a fresh value. */
  readonly hits: number;
  /** Reads that found nothing to answer with at once; for `getOrSet` those that had to wait for a load, however it ended. */
  readonly misses: number;
  /** Reads answered at once with a value beyond its ttl. */
  readonly staleHits: number;
  /** Those of the misses that joined a load already in flight. */
  readonly coalesced: number;
  /** Loads started. */
  readonly loads: number;
  /** Loads that failed; those aborted because nobody wanted them any more are not among them. */
  readonly loadFailures: number;
  /** Milliseconds all finished loads took together. */
  readonly loadMs: number;
  /** Values stored, new ones and replacements. */
  readonly inserts: number;
  /** Values removed to make room. */
  readonly evictions: number;
  /** Values removed at the end of their last window. */
  readonly expirations: number;
  /** Values removed by `invalidate`, `invalidateWhere`, `invalidateTag`, `clear` or `close`. */
  readonly invalidations: number;
  /** Values held, the expired ones not counted. */
  readonly size: number;
  /** The most that can be held, as configured. */
  readonly maxEntries: number;
  /** (`hits` + `staleHits`) / reads, 0 to 1; 0 before the first read. */
  readonly hitRate: number;
  /** `misses` / reads, 0 to 1; 0 before the first read. */
  readonly missRate: number;
  /** Loads under way now, those included whose result will not be stored. */
  readonly loading: number;
  /** Milliseconds for which the oldest of them has been under way; 0 where there is none. */
  readonly oldestLoadMs: number;
}

/** The running counters behind {@link CacheStats}. */
export class Counters {
  hits = 0;
  misses = 0;
  staleHits = 0;
  coalesced = 0;
  loads = 0;
  loadFailures = 0;
  loadMs = 0;
  inserts = 0;
  evictions = 0;
  expirations = 0;
  invalidations = 0;

  snapshot(now: Pick<CacheStats, "size" | "maxEntries" | "loading" | "oldestLoadMs">): CacheStats {
    const reads = this.hits + this.misses + this.staleHits;
    return {
      hits: this.hits,
      misses: this.misses,
      staleHits: this.staleHits,
      coalesced: this.coalesced,
      loads: this.loads,
      loadFailures: this.loadFailures,
      loadMs: this.loadMs,
      inserts: this.inserts,
      evictions: this.evictions,
      expirations: this.expirations,
      invalidations: this.invalidations,
      hitRate: reads === 0 ? 0 : (this.hits + this.staleHits) / reads,
      missRate: reads === 0 ? 0 : this.misses / reads,
      ...now,
    };
  }
}
