import { checkDuration, checkMembers, checkSignal, checkTags, checkType } from "./check.js";
import { noTags } from "./entry.js";
import type { Ttl } from "./loads.js";

/** Options of {@link Cache.set}. */
export interface SetOptions {
  /** How long this value is fresh, in milliseconds. 0 does not keep it and removes the older value. Default: the cache's. */
  readonly ttlMs?: number | undefined;
  /** The groups that the value belongs to, for `invalidateTag` and `expire`. Default none. */
  readonly tags?: readonly string[] | undefined;
}

/** What {@link Cache.expire} makes stale: the value of a key, or those of a tag. */
export type ExpireTarget = { readonly key: string } | { readonly tag: string };

/** Options of {@link Cache.getOrSet}. */
export interface GetOrSetOptions<V> {
  /** Lets this caller leave: its promise rejects with `signal.reason`, the load goes on for the others. */
  readonly signal?: AbortSignal | undefined;
  /** How long the loaded value is fresh, in milliseconds, or a function of the value that says so. Default: the cache's. */
  readonly ttlMs?: Ttl<V> | undefined;
  /** The groups that the loaded value belongs to. Callers who share a load add theirs to it. Default none. */
  readonly tags?: readonly string[] | undefined;
  /** Waits for a load even where a value is fresh; joins one already in flight. Default false. */
  readonly refresh?: boolean | undefined;
}

const setMembers: ReadonlySet<string> = new Set<keyof SetOptions>(["ttlMs", "tags"]);
const targetMembers: ReadonlySet<string> = new Set(["key", "tag"]);
const getOrSetMembers: ReadonlySet<string> = new Set<keyof GetOrSetOptions<unknown>>([
  "signal",
  "ttlMs",
  "tags",
  "refresh",
]);

/** Throws unless `key` is a string. What is called for every hit asks for the type first and so builds no text. */
export function checkKey(key: unknown, method: string): void {
  checkType("string", key, `Cache.${method}: key`);
}

export function checkSetOptions(options: SetOptions): void {
  checkMembers(options, setMembers, "Cache.set: options");
  if (options.ttlMs !== undefined) checkDuration(options.ttlMs, "Cache.set: ttlMs");
  if (options.tags !== undefined) checkTags(options.tags, "Cache.set: tags");
}

export function checkGetOrSetOptions<V>(options: GetOrSetOptions<V>): void {
  checkMembers(options, getOrSetMembers, "Cache.getOrSet: options");
  if (options.signal !== undefined) checkSignal(options.signal, "Cache.getOrSet: signal");
  if (options.refresh !== undefined) checkType("boolean", options.refresh, "Cache.getOrSet: refresh");
  if (options.tags !== undefined) checkTags(options.tags, "Cache.getOrSet: tags");
  if (options.ttlMs !== undefined && typeof options.ttlMs !== "function")
    checkDuration(options.ttlMs, "Cache.getOrSet: ttlMs");
}

/** A copy, which the caller can no longer change. */
export function tagsOf(options: { readonly tags?: readonly string[] | undefined } | undefined): readonly string[] {
  const tags = options?.tags;
  return tags === undefined || tags.length === 0 ? noTags : [...tags];
}

/** What is to become stale, as it was checked. */
export function readTarget(target: ExpireTarget): ExpireTarget {
  checkMembers(target, targetMembers, "Cache.expire: target");
  const key: unknown = Reflect.get(target, "key");
  const tag: unknown = Reflect.get(target, "tag");
  if (typeof key === "string" && tag === undefined) return { key };
  if (typeof tag === "string" && key === undefined) return { tag };
  throw new TypeError("Cache.expire: target must be { key } or { tag }, one of them, and a string");
}
