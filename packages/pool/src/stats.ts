import type { Histogram } from "./support/histogram.js";

/**
 * Why a resource was destroyed: it rested too long (`idle`), more rested than may (`surplus`), it was too old (`lifetime`)
 * or used up (`uses`), failed its validation (`invalid`), died (`died`), made room for another key (`evicted`), its
 * generation was ended (`cleared`), a limit was lowered (`resized`), its holder or nobody wanted it (`discarded`), or
 * the pool was closed (`closed`).
 */
export type DestroyReason =
  | "idle"
  | "surplus"
  | "lifetime"
  | "uses"
  | "invalid"
  | "died"
  | "evicted"
  | "cleared"
  | "resized"
  | "discarded"
  | "closed";

/** A pool, or one key of it, in figures: gauges of this instant, and counters since the start. */
export interface PoolStats {
  /** Resources now: the sum of the four below. */
  readonly total: number;
  /** Resources that rest and can be had at once. */
  readonly idle: number;
  /** Resources with at least one lease, and those being validated. */
  readonly leased: number;
  /** Resources being created. */
  readonly creating: number;
  /** Resources whose `destroy` has not settled. */
  readonly destroying: number;
  /** Leases now; more than `leased` where resources are shared. */
  readonly leases: number;
  /** Calls of `acquire` that wait now. */
  readonly waiting: number;
  /** The limit of `total`: `maxPerKey` of a key, `maxTotal` of the pool. */
  readonly max: number;
  /** Leases granted. */
  readonly acquired: number;
  /** Leases given back, destroyed ones included. */
  readonly released: number;
  /** Calls of `acquire` that ran into their deadline. */
  readonly timeouts: number;
  /** Calls of `acquire` given up through their signal while they waited. */
  readonly cancelled: number;
  /** Calls of `acquire` refused because the line was full or the pool closed. */
  readonly rejected: number;
  /** Resources created. */
  readonly created: number;
  /** Creations that failed or took too long. */
  readonly createFailures: number;
  /** Resources destroyed, by reason. */
  readonly destroyed: Readonly<Record<DestroyReason, number>>;
  /** Calls of `acquire` that had to wait, whatever came of it. */
  readonly waits: number;
  /** Milliseconds they waited in all. */
  readonly waitMs: number;
  /** Milliseconds successful creations took in all. */
  readonly createMs: number;
  /** Milliseconds ended leases were held in all. */
  readonly useMs: number;
  /** How long each granted lease had to be waited for. */
  readonly acquireMs: Histogram;
}
