import type { ListCodec, ListName } from "../interfaces.js";
import { isObject } from "../untrusted.js";
import { CachedList, type ListItem } from "./cached-list.js";
import { deepFreeze, problemOf } from "./walk-pages.js";

/** What a decoded list may be at most. */
export interface CodecLimits {
  readonly maxMessageBytes: number;
}

const version = 1;
const listNames: readonly unknown[] = ["tools", "resources", "resourceTemplates", "prompts"] satisfies ListName[];

/** The codec of the lists of one server. */
export function listCodec({ maxMessageBytes }: CodecLimits): ListCodec {
  return {
    encode: (value) => {
      if (!(value instanceof CachedList)) throw new TypeError("Only a list that the client cached can be encoded");
      const { list, items, ttlMs, cacheScope } = value;
      return JSON.stringify({ version, list, items, ttlMs, cacheScope });
    },
    decode: (text) => {
      if (typeof text !== "string" || text.length > maxMessageBytes)
        throw new TypeError(`A stored list must be a string of at most ${maxMessageBytes} bytes`);
      return decoded(parsed(text));
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError("A stored list is not valid JSON", { cause: error });
  }
}

function decoded(stored: unknown): CachedList {
  if (!isObject(stored) || stored.version !== version || !isListName(stored.list) || !Array.isArray(stored.items))
    throw new TypeError("A stored list is not one that this version of the client wrote");
  const { list, ttlMs, cacheScope } = stored;
  const given: readonly unknown[] = stored.items;
  const items = given.map((item): ListItem => {
    const problem = isObject(item) ? problemOf(list, item) : "it is not an object";
    if (!isObject(item) || problem !== undefined)
      throw new TypeError(`A stored list of ${list} is invalid: ${problem}`);
    deepFreeze(item);
    return item;
  });
  if (ttlMs !== undefined && !(typeof ttlMs === "number" && ttlMs >= 0))
    throw new TypeError(`A stored list of ${list} is invalid: its ttlMs is not a number of milliseconds`);
  if (cacheScope !== undefined && cacheScope !== "public" && cacheScope !== "private")
    throw new TypeError(`A stored list of ${list} is invalid: its cacheScope is neither public nor private`);
  return new CachedList(list, Object.freeze(items), { ttlMs, cacheScope });
}

function isListName(value: unknown): value is ListName {
  return listNames.includes(value);
}
