/// <reference lib="esnext.disposable" preserve="true" />
export { Cache, type CacheEntry, type GetOrSetOptions, type SetOptions } from "./cache.js";
export type { CacheOptions, EvictionPolicy, RemovalReason } from "./cache-options.js";
export type { CacheStats } from "./cache-stats.js";
export type { Load, LoadContext, Ttl } from "./loads.js";
