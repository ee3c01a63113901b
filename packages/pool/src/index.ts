/// <reference lib="esnext.disposable" preserve="true" />

export type { PoolCounts } from "./errors.js";
export {
  PoolClosedError,
  PoolCreateError,
  PoolLeaseReleasedError,
  PoolQueueFullError,
  PoolTimeoutError,
  PoolValidationError,
} from "./errors.js";
export type { PoolEvent } from "./events.js";
export type { Lease } from "./lease.js";
export type {
  AcquireOptions,
  CreateContext,
  DestroyContext,
  PoolLimits,
  PoolOptions,
  ResetContext,
  ResizeLimits,
  ValidateContext,
} from "./options.js";
export { Pool } from "./pool.js";
export type { DestroyReason, PoolStats } from "./stats.js";
export type { Histogram } from "./support/histogram.js";
