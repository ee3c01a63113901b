/// <reference lib="esnext.disposable" preserve="true" />
export { Cache, type CacheEntry } from "./cache.js";
export type { CacheOptions, EvictionPolicy, RemovalReason } from "./cache-options.js";
export type { CacheStats } from "./cache-stats.js";
export type { ExpireTarget, GetOrSetOptions, SetOptions } from "./call-options.js";
export { CacheLoadTimeoutError } from "./errors.js";
export type { Load, LoadContext, Ttl } from "./loads.js";
