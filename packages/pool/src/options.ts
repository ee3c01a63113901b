import type { PoolEvent } from "./events.js";
import type { DestroyReason } from "./stats.js";

/** What `create` is given besides the key. */
export interface CreateContext {
  /** Aborts when nobody can use the product any more: after `createTimeoutMs`, on `clear` and on `close`. */
  readonly signal: AbortSignal;
  /** To be called when the resource breaks by itself (connection lost, process exited), with the cause; once is enough. */
  readonly died: (cause?: unknown) => void;
}

/** What `destroy` is given besides the resource. */
export interface DestroyContext {
  readonly key: string;
  readonly reason: DestroyReason;
}

/** What `validate` is given besides the resource. */
export interface ValidateContext {
  readonly key: string;
  /** How long the resource has rested, in milliseconds. */
  readonly idleMs: number;
  /** Aborts when the answer is of no interest any more: after `validateTimeoutMs`, and when the resource must go. */
  readonly signal: AbortSignal;
}

/** What `reset` is given besides the resource. */
export interface ResetContext {
  readonly key: string;
  /** Aborts when the reset is of no interest any more: after `resetTimeoutMs`, and when the resource must go. */
  readonly signal: AbortSignal;
}

/** Limits and times of each key. Durations are milliseconds; `Infinity` means no limit, or never. */
export interface PoolLimits {
  /** Resources at most, those being created and destroyed included. Default 10, or `minIdlePerKey` where that is more. */
  readonly maxPerKey?: number | undefined;
  /** Resources that may rest; more are destroyed. Default 5, within `maxPerKey` and at least `minIdlePerKey`. */
  readonly maxIdlePerKey?: number | undefined;
  /** Resources kept ready once the key was used or warmed, until it is cleared. Default 0. */
  readonly minIdlePerKey?: number | undefined;
  /** Leases at once on one resource; more than 1 shares it. Default 1. */
  readonly maxLeasesPerResource?: number | undefined;
  /** Calls that may wait with no resource on the way for them; 0: never queue. Default `Infinity`. */
  readonly maxWaitersPerKey?: number | undefined;
  /** Age in milliseconds at which a resource is no longer lent. Default 1_800_000. */
  readonly maxLifetimeMs?: number | undefined;
  /** Share, 0..1, by which each lifetime is shortened at random, so that a fleet does not die at once. Default 0.1. */
  readonly lifetimeJitter?: number | undefined;
  /** Rest in milliseconds after which a resource is no longer lent. Default 300_000. */
  readonly maxIdleMs?: number | undefined;
  /** Leases after which a resource is destroyed. Default `Infinity`. */
  readonly maxUses?: number | undefined;
  /** Rest in milliseconds after which `validate` is asked before lending; 0: always, but never of a new one. Default 1_000. */
  readonly validateAfterIdleMs?: number | undefined;
  /** Milliseconds between two rounds in the background: destroy what is too old, validate what rests. Default 30_000. */
  readonly maintenanceMs?: number | undefined;
  /** Deadline of `acquire` in milliseconds over waiting, creating and validating. Default 30_000. */
  readonly acquireTimeoutMs?: number | undefined;
  /** Milliseconds `create` may take. Default 30_000. */
  readonly createTimeoutMs?: number | undefined;
  /** Milliseconds `validate` may take. Default 5_000. */
  readonly validateTimeoutMs?: number | undefined;
  /** Milliseconds `destroy` may take until its slot counts as free all the same. Default 10_000. */
  readonly destroyTimeoutMs?: number | undefined;
  /** Milliseconds `reset` may take. Default 5_000. */
  readonly resetTimeoutMs?: number | undefined;
  /**
   * Failed creations in a row after which, while no resource of the key is alive, every waiting call is rejected with the
   * last error. Default `Infinity`: each failure reaches only the call it was for.
   */
  readonly failFastAfter?: number | undefined;
  /** Longest rest in milliseconds between failed creations that the pool starts again by itself. Default 5_000. */
  readonly maxRetryDelayMs?: number | undefined;
  /** Milliseconds after which a held lease is reported as leaked, with the stack that took it. Default `Infinity`: never. */
  readonly leakThresholdMs?: number | undefined;
}

/**
 * How a pool makes, checks, resets and ends its resources, and within which limits. Only `create` is required.
 *
 * An object literal or an instance of a class: options are read once, inherited ones too, and methods keep their `this`.
 * `limitsFor` is called within the call that needs the limits. The other functions run in the async context in which this
 * module was loaded, so in that of no caller, after the pool's state is final.
 */
export interface PoolOptions<R> extends PoolLimits {
  /**
   * Makes a resource for a key.
   *
   * It belongs to the pool, not to the caller who needed it first: it goes on where that caller gives up. What it throws
   * reaches the caller it was made for unchanged.
   */
  readonly create: (key: string, context: CreateContext) => Promise<R>;
  /** Ends a resource. Its slot is free when this settles, or after `destroyTimeoutMs`. Default: nothing to do. */
  readonly destroy?: ((resource: R, context: DestroyContext) => void | Promise<void>) | undefined;
  /** Says whether a rested resource is still good; false, a throw and a timeout all destroy it. Default: it is. */
  readonly validate?: ((resource: R, context: ValidateContext) => boolean | Promise<boolean>) | undefined;
  /**
   * Makes a resource fit for its next lease, after its last one has ended: rolls back, clears cookies. The caller who
   * released it does not wait, the next one does. A throw and a timeout destroy the resource. Default: nothing to do.
   */
  readonly reset?: ((resource: R, context: ResetContext) => void | Promise<void>) | undefined;
  /** Limits of one key that differ from the pool's. Asked when the key is first used, and again after it was emptied. */
  readonly limitsFor?: ((key: string) => Partial<PoolLimits> | undefined) | undefined;
  /** Resources at most over all keys; an idle resource of another key makes room. Default `Infinity`. */
  readonly maxTotal?: number | undefined;
  /** Told what happens, after it has happened. What it throws changes nothing. */
  readonly onEvent?: ((event: PoolEvent) => void) | undefined;
}

/** How one lease is asked for. */
export interface AcquireOptions {
  /** Gives up the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Deadline in milliseconds instead of `acquireTimeoutMs`; `Infinity`: none. */
  readonly timeoutMs?: number | undefined;
  /** Higher is served first; within one priority the longest waiting. Default 0. */
  readonly priority?: number | undefined;
}

/** The limits that can be changed while the pool runs; what is left out stays. */
export interface ResizeLimits {
  readonly maxTotal?: number | undefined;
  readonly maxPerKey?: number | undefined;
  readonly maxIdlePerKey?: number | undefined;
  readonly minIdlePerKey?: number | undefined;
}
