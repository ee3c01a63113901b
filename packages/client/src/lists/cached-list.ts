import type { Prompt, Resource, ResourceTemplate, Tool } from "@modelcontextprotocol/sdk/types.js";
import type { ListName } from "../interfaces.js";
import { isObject } from "../untrusted.js";

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

/** Tools as they were checked when they were listed: the same frozen list for all. */
export const toTools: (list: CachedList) => readonly Tool[] = takingOnly(isTool);

/** Resources as they were checked when they were listed. */
export const toResources: (list: CachedList) => readonly Resource[] = takingOnly(isResource);

/** Resource templates as they were checked when they were listed. */
export const toResourceTemplates: (list: CachedList) => readonly ResourceTemplate[] = takingOnly(isResourceTemplate);

/** Prompts as they were checked when they were listed. */
export const toPrompts: (list: CachedList) => readonly Prompt[] = takingOnly(isPrompt);

/** Looks through each list once: it is frozen and does not change. */
function takingOnly<T>(isItem: (item: unknown) => item is T): (list: CachedList) => readonly T[] {
  const taken = new WeakMap<CachedList, readonly T[]>();
  return (list) => {
    const known = taken.get(list);
    if (known !== undefined) return known;
    const items: readonly unknown[] = list.items;
    const valid = Object.freeze(items.filter(isItem));
    taken.set(list, valid);
    return valid;
  };
}

function isTool(value: unknown): value is Tool {
  return isObject(value) && typeof value.name === "string" && isObject(value.inputSchema);
}

function isResource(value: unknown): value is Resource {
  return isObject(value) && typeof value.uri === "string";
}

function isResourceTemplate(value: unknown): value is ResourceTemplate {
  return isObject(value) && typeof value.uriTemplate === "string";
}

function isPrompt(value: unknown): value is Prompt {
  return isObject(value) && typeof value.name === "string";
}
