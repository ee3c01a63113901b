import type { ListName } from "../interfaces.js";

/** One entry of a list, as the server sent it. */
export type ListItem = Readonly<Record<string, unknown>>;

/** A list as it is cached: complete, frozen, and searchable by name. */
export class CachedList {
  readonly list: ListName;
  readonly items: readonly ListItem[];
  /** How long the server says that it is good for, in milliseconds; undefined where it says nothing. */
  readonly ttlMs: number | undefined;
  /** With whom the server says that it may be shared; undefined where it says nothing. */
  readonly cacheScope: "public" | "private" | undefined;
  #byName: ReadonlyMap<string, ListItem> | undefined;

  constructor(
    list: ListName,
    items: readonly ListItem[],
    hints: { readonly ttlMs?: number | undefined; readonly cacheScope?: "public" | "private" | undefined } = {},
  ) {
    this.list = list;
    this.items = items;
    this.ttlMs = hints.ttlMs;
    this.cacheScope = hints.cacheScope;
  }

  find(name: string): ListItem | undefined {
    this.#byName ??= new Map(this.items.map((item) => [String(item.name), item]));
    return this.#byName.get(name);
  }
}

/** The list that a cache or a load gave out. Throws `TypeError` where it is anything else, another list too. */
export function asList(value: unknown, list: ListName): CachedList {
  if (value instanceof CachedList && value.list === list) return value;
  throw new TypeError(`The cache returned a value under the key of the ${list} that is not that list`);
}
