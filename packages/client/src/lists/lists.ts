import type { ListRefreshed } from "../events.js";
import type { ToolListCache } from "../interfaces.js";
import type { ListName } from "./list-names.js";

/** A list as it is cached: complete, frozen, and findable by name. */
export class CachedList {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  /** How long the server says that it is good for; undefined where it says nothing. */
  readonly ttlMs: number | undefined;
  #byName: ReadonlyMap<string, Readonly<Record<string, unknown>>> | undefined;

  constructor(items: readonly Readonly<Record<string, unknown>>[], ttlMs: number | undefined) {
    this.items = items;
    this.ttlMs = ttlMs;
  }

  find(name: string): Readonly<Record<string, unknown>> | undefined {
    this.#byName ??= new Map(this.items.map((item) => [String(item.name), item]));
    return this.#byName.get(name);
  }
}

/** Whose list it is. */
export interface ListOwner {
  readonly replica: number;
  readonly principal: string | undefined;
}

/** What the lists need of their surroundings. */
export interface ListsContext {
  readonly server: string;
  readonly cache: ToolListCache;
  /** How long a list is good for of which the server says nothing. */
  readonly ttlMs: number;
  /** The client's capabilities: a server may show other tools to another client. */
  readonly capabilities: unknown;
  /** Fetches the whole list, all pages, from the server. */
  readonly fetch: (
    list: ListName,
    owner: ListOwner,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number | undefined },
  ) => Promise<CachedList>;
  readonly onRefreshed: (list: ListName, before: CachedList | undefined, now: CachedList, durationMs: number) => void;
}

interface Keyed extends ListOwner {
  readonly key: string;
  readonly list: ListName;
  /** The list fetched last, for telling what has changed. */
  last: CachedList | undefined;
  loads: number;
  /** Notices may have been missed: the list must be fetched again, and serves only while that fails. */
  isDoubtful: boolean;
}

const maxKeys = 1_000;

/**
 * The lists of one server: fetched once for all who ask at the same time, and forgotten as soon as the server says that
 * they have changed, by whichever connection.
 */
export class Lists {
  readonly #context: ListsContext;
  readonly #keys = new Map<string, Keyed>();
  #recent: Keyed | undefined;
  /** How the cache keeps a list. */
  readonly #storing = { ttlMs: (list: unknown): number => asList(list).ttlMs ?? this.#context.ttlMs };

  constructor(context: ListsContext) {
    this.#context = context;
  }

  /** The list where the cache has a good one: what most reads are, at the cost of a look-up. */
  fresh(list: ListName, owner: ListOwner): Promise<CachedList> | undefined {
    const { cache } = this.#context;
    const [key, keyed] = this.#keyed(list, owner);
    if (keyed.isDoubtful || cache.inspect(key)?.state !== "fresh") return undefined;
    return cache.getOrSet(key, this.#loader(keyed, undefined), this.#storing).then(asList);
  }

  /** The list, from the cache while it is good. Rejects with `signal.reason`, or as the fetch does where no old list may stand in. */
  async get(
    list: ListName,
    owner: ListOwner,
    options: {
      readonly signal: AbortSignal;
      readonly refresh: boolean;
      /** How long the fetch may take at least. */
      readonly timeoutMs?: number | undefined;
    },
  ): Promise<CachedList> {
    const { cache } = this.#context;
    const [key, keyed] = this.#keyed(list, owner);
    const refresh = options.refresh || keyed.isDoubtful;
    const load = this.#loader(keyed, options.timeoutMs);
    try {
      return asList(await cache.getOrSet(key, load, { ...this.#storing, signal: options.signal, refresh }));
    } catch (error) {
      const old = keyed.isDoubtful && !options.refresh && !options.signal.aborted ? cache.inspect(key) : undefined;
      if (old?.value instanceof CachedList) return old.value;
      throw error;
    }
  }

  /** What is cached of a tool, fresh or stale; nothing is fetched. */
  knownTool(name: string, principal: string | undefined): Readonly<Record<string, unknown>> | undefined {
    for (const [key, keyed] of this.#keys) {
      if (keyed.list !== "tools" || keyed.principal !== principal) continue;
      const value = this.#context.cache.inspect(key)?.value;
      const tool = value instanceof CachedList ? value.find(name) : undefined;
      if (tool !== undefined) return tool;
    }
    return undefined;
  }

  /** How many tools the list fetched last had; undefined where none was fetched. */
  get toolCount(): number | undefined {
    for (const { list, last } of this.#keys.values())
      if (list === "tools" && last !== undefined) return last.items.length;
    return undefined;
  }

  /**
   * The server says that a list has changed: what is cached goes, and what is being fetched is not kept. Whichever
   * replica says so, since any may have stood in for the one that was asked.
   */
  changed(list: ListName): void {
    for (const [key, keyed] of this.#keys) if (keyed.list === list) this.#context.cache.invalidate(key);
  }

  /** The first connection after a time without one is open: changes may have been missed. A fetch under way is newer. */
  reconnected(principal: string | undefined): void {
    for (const keyed of this.#keys.values()) {
      if (keyed.principal === principal && keyed.last !== undefined && keyed.loads === 0) keyed.isDoubtful = true;
    }
  }

  #loader(
    keyed: Keyed,
    timeoutMs: number | undefined,
  ): (context: { readonly signal: AbortSignal }) => Promise<CachedList> {
    return ({ signal }) => this.#load(keyed, signal, timeoutMs);
  }

  async #load(keyed: Keyed, signal: AbortSignal, timeoutMs: number | undefined): Promise<CachedList> {
    const begin = performance.now();
    keyed.loads += 1;
    try {
      const fetched = await this.#context.fetch(keyed.list, keyed, { signal, timeoutMs });
      const before = keyed.last;
      keyed.last = fetched;
      keyed.isDoubtful = false;
      this.#context.onRefreshed(keyed.list, before, fetched, performance.now() - begin);
      return fetched;
    } finally {
      keyed.loads -= 1;
    }
  }

  #keyed(list: ListName, { replica, principal }: ListOwner): [key: string, keyed: Keyed] {
    const { server, capabilities, cache } = this.#context;
    // What most reads ask for is found without making a key anew.
    const recent = this.#recent;
    if (recent?.list === list && recent.replica === replica && recent.principal === principal)
      return [recent.key, recent];
    const key = JSON.stringify([server, replica, principal ?? null, list, capabilities]);
    const known = this.#keys.get(key);
    if (known !== undefined) {
      this.#recent = known;
      return [key, known];
    }
    const keyed: Keyed = { key, list, replica, principal, last: undefined, loads: 0, isDoubtful: false };
    this.#keys.set(key, keyed);
    // Principals come and go: what the cache has let go needs no record.
    if (this.#keys.size > maxKeys)
      for (const [old, { loads }] of this.#keys)
        if (old !== key && loads === 0 && cache.inspect(old) === undefined) this.#keys.delete(old);
    return [key, keyed];
  }
}

/** The list that a cache or a load gave out. */
export function asList(value: unknown): CachedList {
  if (value instanceof CachedList) return value;
  throw new TypeError("The cache gave out a list that was not put into it");
}

/** What has changed between two lists, as an event. */
export function listRefreshed(
  list: ListName,
  before: CachedList | undefined,
  now: CachedList,
  durationMs: number,
): Omit<ListRefreshed, "server" | "at"> {
  const names = (one: CachedList | undefined): Set<string> =>
    new Set((one?.items ?? []).map((item) => String(item.name)));
  const [old, fresh] = [names(before), names(now)];
  const added = [...fresh].filter((name) => !old.has(name));
  const removed = [...old].filter((name) => !fresh.has(name));
  return { type: "listRefreshed", list, count: now.items.length, added, removed, durationMs };
}
