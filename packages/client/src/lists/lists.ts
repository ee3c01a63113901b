import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { ListRefreshed } from "../events.js";
import type { ListName, ToolListCache } from "../interfaces.js";
import { asList, CachedList, type ListItem } from "./cached-list.js";

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
  /** What of a list its callers are to see: the list itself, or the same part of it each time. */
  readonly shown: (list: CachedList) => CachedList;
  readonly onRefreshed: (list: ListName, before: CachedList | undefined, now: CachedList, durationMs: number) => void;
}

interface Keyed extends ListOwner {
  readonly key: string;
  readonly list: ListName;
  /** The list that was seen last, whoever fetched it, as its callers see it. */
  last: CachedList | undefined;
  loads: number;
  /**
   * There while notifications may have been missed, another object each time: the list must be fetched again, and serves only
   * while that fails. A fetch that began before ends none but the one it began with.
   */
  doubt: object | undefined;
  /** Changes whenever the server says that the list has changed. */
  generation: number;
  /** The list fetched last, where the server wants it not to be kept: for what it says of its tools. */
  unkept: CachedList | undefined;
  /** Whether the cache was asked for what other processes have stored. */
  wasRecalled: boolean;
}

const recallTimeoutMs = 500;
const maxKeys = 1_000;

/**
 * The lists of one server: fetched once for all who ask at the same time, and forgotten as soon as the server says that
 * they have changed, by whichever connection.
 */
export class Lists {
  readonly #context: ListsContext;
  readonly #keys = new Map<string, Keyed>();
  #recent: Keyed | undefined;
  /** The lists fetched here: when each was seen is known, and not when it comes out of the cache. */
  readonly #fetched = new WeakSet<CachedList>();
  /** How the cache keeps a list. */
  readonly #storing = {
    ttlMs: (list: unknown): number => (list instanceof CachedList ? list.ttlMs : undefined) ?? this.#context.ttlMs,
  };

  constructor(context: ListsContext) {
    this.#context = context;
  }

  /** The list where the cache has a good one: what most reads are, at the cost of a look-up. */
  fresh(list: ListName, owner: ListOwner): Promise<CachedList> | undefined {
    const { cache } = this.#context;
    const [key, keyed] = this.#keyed(list, owner);
    if (keyed.doubt !== undefined || cache.inspect(key)?.state !== "fresh") return undefined;
    return cache
      .getOrSet(key, this.#loader(keyed, undefined), this.#storing)
      .then((value) => this.#answer(keyed, value));
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
    const refresh = options.refresh || keyed.doubt !== undefined;
    const load = this.#loader(keyed, options.timeoutMs);
    try {
      return this.#answer(
        keyed,
        await cache.getOrSet(key, load, { ...this.#storing, signal: options.signal, refresh }),
      );
    } catch (error) {
      const old =
        keyed.doubt !== undefined && !options.refresh && !options.signal.aborted ? cache.inspect(key) : undefined;
      if (old?.value instanceof CachedList) return this.#answer(keyed, old.value);
      throw error;
    }
  }

  /** What is cached of a tool, fresh or stale; nothing is fetched. */
  knownTool(name: string, principal: string | undefined): ListItem | undefined {
    for (const [key, keyed] of this.#keys) {
      if (keyed.list !== "tools" || keyed.principal !== principal) continue;
      // A server may want its lists not to be kept; what it said of its tools last holds until it says otherwise.
      const value = this.#context.cache.inspect(key)?.value ?? keyed.unkept;
      const tool = value instanceof CachedList ? value.find(name) : undefined;
      if (tool !== undefined) return tool;
    }
    return undefined;
  }

  /** The tool lists that a principal was shown last, of every replica. They stay known while no list can be had. */
  lastTools(principal: string | undefined): readonly CachedList[] {
    const lists: CachedList[] = [];
    for (const { list, last, principal: owner } of this.#keys.values())
      if (list === "tools" && owner === principal && last !== undefined) lists.push(last);
    return lists;
  }

  /**
   * Brings what another process has stored of a principal's tools into the cache of this one, so that hints are known
   * before the first list is asked for. Nothing is fetched from the server. Undefined where there is nothing to wait for;
   * otherwise resolves in any case, soon.
   */
  recallTools(owner: ListOwner): Promise<void> | undefined {
    const [key, keyed] = this.#keyed("tools", owner);
    if (keyed.wasRecalled || keyed.last !== undefined) return undefined;
    keyed.wasRecalled = true;
    return this.#recall(key, keyed);
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
    // A shared cache can also invalidate the keys that only other processes have used.
    this.#context.cache.invalidateList?.(list);
    this.changedElsewhere(list);
  }

  /** The same, as the cache has heard it from another process. */
  changedElsewhere(list: ListName): void {
    for (const [key, keyed] of this.#keys) {
      if (keyed.list !== list) continue;
      keyed.generation += 1;
      keyed.unkept = undefined;
      this.#context.cache.invalidate(key);
    }
  }

  /** The first connection after a time without one is open: changes may have been missed. A fetch under way is newer. */
  reconnected(principal: string | undefined): void {
    for (const keyed of this.#keys.values()) {
      if (keyed.principal === principal && keyed.last !== undefined && keyed.loads === 0) keyed.doubt = {};
    }
  }

  /**
   * The server may have said unheard that a list has changed. It is fetched again when it is next asked for; until then what it
   * says of its tools still holds, so that a call that is lost with the same connection is known to be safe.
   */
  doubt(list: ListName): void {
    for (const keyed of this.#keys.values())
      if (keyed.list === list && (keyed.last !== undefined || keyed.loads > 0)) keyed.doubt = {};
  }

  async #recall(key: string, keyed: Keyed): Promise<void> {
    const over = new AbortController();
    try {
      // A store that does not answer must not cost a call its time.
      const late = pause(recallTimeoutMs, undefined, { signal: over.signal }).catch(() => undefined);
      const value = await Promise.race([this.#context.cache.recall?.(key), late]);
      if (value !== undefined) this.#answer(keyed, value);
    } catch {
      // A store that fails counts as empty: without hints the call is treated as unsafe.
    } finally {
      over.abort();
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
    const { generation, doubt } = keyed;
    keyed.loads += 1;
    try {
      const fetched = await this.#context.fetch(keyed.list, keyed, { signal, timeoutMs });
      const before = keyed.last;
      const shown = this.#context.shown(fetched);
      this.#fetched.add(fetched);
      keyed.last = shown;
      keyed.unkept = fetched.ttlMs === 0 && keyed.generation === generation ? fetched : undefined;
      if (keyed.doubt === doubt) keyed.doubt = undefined;
      this.#context.onRefreshed(keyed.list, before, shown, performance.now() - begin);
      return fetched;
    } finally {
      keyed.loads -= 1;
    }
  }

  /** What a caller is given of a list that the cache gave out. */
  #answer(keyed: Keyed, value: unknown): CachedList {
    const list = asList(value, keyed.list);
    const shown = this.#context.shown(list);
    // A list that another process fetched is news here; one fetched here was noted then, and may be an older one by now.
    if (!this.#fetched.has(list)) keyed.last = shown;
    return shown;
  }

  #keyed(list: ListName, { replica, principal }: ListOwner): [key: string, keyed: Keyed] {
    const { server, capabilities, cache } = this.#context;
    // Most reads ask for the same list as the one before: its key is not made anew.
    const recent = this.#recent;
    if (recent?.list === list && recent.replica === replica && recent.principal === principal)
      return [recent.key, recent];
    const key = JSON.stringify([
      server,
      replica,
      principal === undefined ? null : hashOf(principal),
      list,
      capabilities,
    ]);
    const known = this.#keys.get(key);
    if (known !== undefined) {
      this.#recent = known;
      return [key, known];
    }
    const keyed: Keyed = {
      key,
      list,
      replica,
      principal,
      last: undefined,
      loads: 0,
      doubt: undefined,
      generation: 0,
      unkept: undefined,
      wasRecalled: false,
    };
    this.#keys.set(key, keyed);
    // Principals come and go: the records of lists that the cache no longer holds are dropped.
    if (this.#keys.size > maxKeys)
      for (const [old, { loads }] of this.#keys)
        if (old !== key && loads === 0 && cache.inspect(old) === undefined) this.#keys.delete(old);
    return [key, keyed];
  }
}

/** A cache may be kept outside this process: whose list it is must not be readable there. */
function hashOf(principal: string): string {
  return createHash("sha256").update(principal).digest("hex").slice(0, 32);
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
