import { quote } from "./support/quote.js";

/** How full a pool was when an error was made. */
export interface PoolCounts {
  readonly total: number;
  readonly idle: number;
  readonly leased: number;
  readonly creating: number;
  readonly destroying: number;
  readonly waiting: number;
  readonly max: number;
}

/** The pool is closed, or was closed while the call waited. Code `ERR_POOL_CLOSED`. */
export class PoolClosedError extends Error {
  override readonly name = "PoolClosedError";
  readonly code = "ERR_POOL_CLOSED";

  constructor() {
    super("Pool: the pool is closed; acquire before close(), or make a new pool");
  }
}

/**
 * No resource could be had before the deadline of the call. Code `ERR_POOL_TIMEOUT`.
 *
 * `cause` is the error of the last failed creation for this key, where there was one.
 */
export class PoolTimeoutError extends Error {
  override readonly name = "PoolTimeoutError";
  readonly code = "ERR_POOL_TIMEOUT";
  readonly key: string;
  /** The deadline of the call in milliseconds. */
  readonly timeoutMs: number;
  /** The resources and waiting calls of this key when the deadline was over. */
  readonly counts: PoolCounts;

  constructor(key: string, timeoutMs: number, counts: PoolCounts, cause: unknown) {
    const advice =
      cause === undefined
        ? "release leases sooner, raise the limits, or allow more time"
        : "creating resources fails, see the cause";
    super(
      `Pool: no resource for ${quote(key)} within ${timeoutMs} ms (${describe(counts)}); ${advice}`,
      cause === undefined ? undefined : { cause },
    );
    this.key = key;
    this.timeoutMs = timeoutMs;
    this.counts = counts;
  }
}

/** `maxWaitersPerKey` calls wait already, so this one was refused at once. Code `ERR_POOL_QUEUE_FULL`. */
export class PoolQueueFullError extends Error {
  override readonly name = "PoolQueueFullError";
  readonly code = "ERR_POOL_QUEUE_FULL";
  readonly key: string;
  /** The resources and waiting calls of this key at that moment. */
  readonly counts: PoolCounts;

  constructor(key: string, counts: PoolCounts) {
    super(
      `Pool: too many calls wait for ${quote(key)} (${describe(counts)}); try again later, or raise maxPerKey or maxWaitersPerKey`,
    );
    this.key = key;
    this.counts = counts;
  }
}

/**
 * A creation took longer than `createTimeoutMs`, or what it made died before it was ready. Code `ERR_POOL_CREATE`.
 *
 * An error that `create` throws itself reaches the caller unchanged.
 */
export class PoolCreateError extends Error {
  override readonly name = "PoolCreateError";
  readonly code = "ERR_POOL_CREATE";
  readonly key: string;

  constructor(key: string, what: string, cause?: unknown) {
    super(`Pool: creating a resource for ${quote(key)} failed: ${what}`, cause === undefined ? undefined : { cause });
    this.key = key;
  }
}

/**
 * One resource after the other failed its validation for this call. Code `ERR_POOL_VALIDATION`.
 *
 * `cause` is what the last `validate` threw, where it threw.
 */
export class PoolValidationError extends Error {
  override readonly name = "PoolValidationError";
  readonly code = "ERR_POOL_VALIDATION";
  readonly key: string;
  /** Resources that failed for this call. */
  readonly attempts: number;

  constructor(key: string, attempts: number, cause: unknown) {
    super(
      `Pool: ${attempts} resources for ${quote(key)} in a row failed their validation; check validate() and what it asks`,
      cause === undefined ? undefined : { cause },
    );
    this.key = key;
    this.attempts = attempts;
  }
}

/** A lease's resource was read after the lease was released. Code `ERR_POOL_LEASE_RELEASED`. */
export class PoolLeaseReleasedError extends Error {
  override readonly name = "PoolLeaseReleasedError";
  readonly code = "ERR_POOL_LEASE_RELEASED";
  readonly key: string;

  constructor(key: string) {
    super(`Pool: the lease for ${quote(key)} was released, another caller may use its resource now; acquire again`);
    this.key = key;
  }
}

function describe(counts: PoolCounts): string {
  const { total, max, idle, leased, creating, destroying, waiting } = counts;
  return `${total} of ${max}: ${idle} idle, ${leased} leased, ${creating} creating, ${destroying} destroying; ${waiting} waiting`;
}
