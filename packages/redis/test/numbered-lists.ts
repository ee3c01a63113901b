import type { CacheContext, ToolListCache } from "@minion/client";
import type { Fleet } from "../src/index.js";

/** Lists that are nothing but a version. */
const codec: CacheContext["codec"] = {
  encode: (list) => JSON.stringify(list),
  decode: (text): unknown => Object.freeze(JSON.parse(text)),
};

/** The key of the one list there is. */
export const key: string = JSON.stringify(["one", 0, null, "tools", {}]);

/** The cache of a server whose tools are a version. */
export function cacheOf(fleet: Fleet, identity: string): ToolListCache {
  return fleet.cache("one", { ttlMs: 60_000 }, { identity, codec });
}

/** The version that a cache gives, fetched by `fetch` where it has none. */
export async function versionIn(
  cache: ToolListCache | undefined,
  fetch: () => number | Promise<number>,
): Promise<number> {
  const list = await cache?.getOrSet(key, async () => ({ version: await fetch() }));
  return Number(Reflect.get(Object(list), "version"));
}
