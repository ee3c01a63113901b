import { setTimeout as pause } from "node:timers/promises";
import type { Cache } from "@minion/cache";
import type { ListCodec, ListName, ToolListCache } from "@minion/client";
import type { FleetCounters } from "./fleet-stats.js";
import { type Found, type ListStore, maxListBytes, type StoredKey } from "./list-store.js";
import { storedKey } from "./stored-key.js";

type GetOrSet = ToolListCache["getOrSet"];
type Load = Parameters<GetOrSet>[1];
type Ttl = (list: unknown) => number;

/** For how many leases a fetch of others is waited for in all; those after the first belong to the second that fetches. */
const maxLeases = 4;
/** How many answers of Redis may be missed in a row while another process is known to fetch. */
const maxMissed = 2;

/** What the cache of a server's lists needs to share them. */
export interface SharedListContext {
  /** Where this process keeps them: every read is answered from there. */
  readonly local: Cache<unknown>;
  readonly defaultTtlMs: number;
  readonly store: ListStore;
  readonly codec: ListCodec;
  readonly leaseMs: number;
  readonly counters: FleetCounters;
  /** Whether changes that other processes hear of are heard of here. */
  readonly isHearing: () => boolean;
  /** A change was heard of here, and the fleet has a new generation of the list. */
  readonly onRenewed: (cache: SharedListCache, list: ListName, generation: string) => void;
  readonly onRefused: (message: string) => void;
  readonly onClosed: (cache: SharedListCache) => void;
}

/** A change that the fleet has not confirmed yet: until it has, what it keeps of the list is not read. */
interface Renewal {
  isDue: boolean;
  running: Promise<void> | undefined;
}

/**
 * The lists of one server: answered from this process, fetched once for the fleet, and forgotten wherever a change is heard
 * of. Each list has a generation, which every change renews; what was fetched under another one is never stored, nor kept.
 */
export class SharedListCache implements ToolListCache {
  readonly #context: SharedListContext;
  /** Under which generation the lists held here were fetched; undefined where one was fetched without the fleet. */
  readonly #held = new Map<ListName, string | undefined>();
  /** The lists that another process fetched, and how long they were still good for. */
  readonly #shared = new WeakMap<object, number>();
  readonly #renewals = new Map<ListName, Renewal>();
  #changed: ((list: ListName) => void) | undefined;

  constructor(context: SharedListContext) {
    this.#context = context;
  }

  readonly getOrSet: GetOrSet = (key, load, options) => {
    const { local, defaultTtlMs } = this.#context;
    const stored = storedKey(key);
    if (stored === undefined) return local.getOrSet(key, load, options);
    const asked = options?.ttlMs ?? defaultTtlMs;
    const own: Ttl = typeof asked === "function" ? asked : () => asked;
    const refresh = options?.refresh === true;
    return local.getOrSet(key, (loading) => this.#load(stored, load, loading, { refresh, own }), {
      ...options,
      tags: [stored.list],
      ttlMs: (value) => this.#ttlOf(value, own),
    });
  };

  invalidate(key: string): boolean {
    return this.#context.local.invalidate(key);
  }

  inspect(key: string): ReturnType<ToolListCache["inspect"]> {
    return this.#context.local.inspect(key);
  }

  stats(): ReturnType<ToolListCache["stats"]> {
    return this.#context.local.stats();
  }

  close(): void {
    this.#context.local.close();
    this.#context.onClosed(this);
  }

  onChangedElsewhere(changed: (list: ListName) => void): void {
    this.#changed = changed;
  }

  /** The server has told this process of a change: the fleet gets a new generation, by which all others learn of it. */
  invalidateList(list: ListName): void {
    this.#held.delete(list);
    this.#context.local.invalidateTag(list);
    const renewal = this.#renewals.get(list) ?? { isDue: true, running: undefined };
    this.#renewals.set(list, renewal);
    renewal.isDue = true;
    renewal.running ??= this.#renew(list, renewal);
  }

  /** What another process has stored of a list, also kept here from then on. Nothing is fetched. */
  async recall(key: string): Promise<unknown> {
    const { store, local } = this.#context;
    const stored = storedKey(key);
    if (stored === undefined || !(await this.#isConfirmed(stored.list))) return undefined;
    const found = await store.find(stored, "read").catch(() => undefined);
    if (found === undefined) return undefined;
    this.#saw(stored.list, found.generation);
    const value = found.kind === "hit" ? this.#decoded(found) : undefined;
    const isPresent = this.#held.get(stored.list) === found.generation && !this.#renewals.has(stored.list);
    if (value !== undefined && isPresent && !local.has(key))
      local.set(key, value, { tags: [stored.list], ttlMs: this.#ttlOf(value, () => Number.POSITIVE_INFINITY) });
    return value;
  }

  /** Another process has heard of a change. */
  heard(list: ListName, generation: string): void {
    if (this.#held.get(list) === generation) return;
    this.#held.delete(list);
    this.#forget(list);
  }

  /** Changes are not heard of any more: what others fetched counts as fresh no longer. */
  alone(): void {
    const { local } = this.#context;
    for (const key of local.keys()) {
      const value = local.peek(key);
      if (isObject(value) && this.#shared.has(value)) local.expire({ key });
    }
  }

  /** Finds out which of the lists held here have changed unheard. Rejects where Redis does not tell. */
  async compare(): Promise<{ readonly lists: number; readonly changed: number }> {
    const { local, store } = this.#context;
    for (const [list, renewal] of this.#renewals) renewal.running ??= this.#renew(list, renewal);
    await Promise.all([...this.#renewals.values()].map(({ running }) => running));
    const before = new Map(this.#held);
    const lists = [...before.keys()];
    const present = lists.length === 0 ? [] : await store.generations(lists);
    let changed = 0;
    for (const [index, list] of lists.entries()) {
      const [held, now] = [before.get(list), present[index]];
      // Whatever happened meanwhile knew better.
      if (!this.#held.has(list) || this.#held.get(list) !== held || (held === now && now !== undefined)) continue;
      changed += 1;
      if (now === undefined) this.#held.delete(list);
      else this.#held.set(list, now);
      // Nothing says that it has changed: it may still stand in while the server is down.
      if (held === undefined || now === undefined) local.expire({ tag: list });
      else this.#forget(list);
    }
    return { lists: lists.length, changed };
  }

  async #load(
    key: StoredKey,
    load: Load,
    loading: Parameters<Load>[0],
    { refresh, own }: { readonly refresh: boolean; readonly own: Ttl },
  ): Promise<unknown> {
    const { counters, store, leaseMs } = this.#context;
    const { found, hasWaited } = await this.#find(key, refresh, loading.signal);
    const known = found?.kind === "hit" ? this.#decoded(found) : undefined;
    if (known !== undefined) {
      counters.l2Hits += 1;
      return known;
    }
    counters.l2Misses += 1;
    const token = found?.kind === "leased" ? found.token : undefined;
    if (token !== undefined) counters.leases += 1;
    // The first lease ends while its fetch goes on, so that a server that hangs for one process does not for all. The second
    // is kept: whatever makes both slow would make all others slow.
    const kept = token === undefined || !hasWaited ? undefined : store.keep(key, token, (maxLeases - 1) * leaseMs);
    let list: unknown;
    try {
      list = await load(loading);
    } catch (error) {
      if (token !== undefined) store.release(key, token);
      throw error;
    } finally {
      kept?.[Symbol.dispose]();
    }
    if (found === undefined) this.#held.set(key.list, undefined);
    else void this.#store(key, found.generation, list, own(list), token);
    return list;
  }

  /** What the fleet has, once a process that fetches it has, or has had its time. Nothing where Redis does not tell. */
  async #find(
    key: StoredKey,
    refresh: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly found: Found | undefined; readonly hasWaited: boolean }> {
    const { store, leaseMs } = this.#context;
    const holders = new Set<string>();
    const giveUpAt = performance.now() + maxLeases * leaseMs;
    let missed = 0;
    for (let waitMs = 20; ; waitMs = Math.min(250, waitMs * 1.5)) {
      const hasWaited = holders.size > 0;
      const isConfirmed = await this.#isConfirmed(key.list);
      const found = isConfirmed
        ? await store.find(key, refresh ? "generation" : "lease").catch(() => undefined)
        : undefined;
      missed = found === undefined ? missed + 1 : 0;
      if (found !== undefined) {
        this.#saw(key.list, found.generation);
        if (found.kind !== "busy") return { found, hasWaited };
        holders.add(found.holder);
        if (holders.size > 2 || performance.now() >= giveUpAt)
          return { found: { generation: found.generation, kind: "none" }, hasWaited };
      } else if (!isConfirmed || !hasWaited || !store.isReached || missed > maxMissed) return { found, hasWaited };
      await pause(waitMs, undefined, { signal }).catch(() => {
        throw signal.reason;
      });
    }
  }

  async #store(
    key: StoredKey,
    generation: string,
    list: unknown,
    ttlMs: number,
    token: string | undefined,
  ): Promise<void> {
    const { store, codec, onRefused } = this.#context;
    try {
      const text = ttlMs > 0 ? codec.encode(list) : "";
      if (text === "" || Buffer.byteLength(text) > maxListBytes) {
        if (text !== "") onRefused(`a list of ${key.list} is not shared: it is over ${maxListBytes} bytes`);
        if (token !== undefined) store.release(key, token);
        return;
      }
      const isPublic = isObject(list) && Reflect.get(list, "cacheScope") === "public";
      const now = await store.store(key, { generation, text, ttlMs, isPublic }, token);
      if (typeof now === "string") this.#saw(key.list, now);
    } catch {
      // Nobody waits for it, and the next comparison finds what it would have told.
    }
  }

  /** The fleet's generation of a list is this one: if those held here are of another, a message was missed. */
  #saw(list: ListName, generation: string): void {
    if (this.#renewals.has(list)) return;
    const isHeld = this.#held.has(list);
    const held = this.#held.get(list);
    this.#held.set(list, generation);
    if (!isHeld || held === generation) return;
    if (held === undefined) this.#context.local.expire({ tag: list });
    else this.#forget(list);
  }

  #forget(list: ListName): void {
    this.#context.local.invalidateTag(list);
    this.#changed?.(list);
  }

  #decoded({ text, leftMs }: { readonly text: string; readonly leftMs: number }): unknown {
    try {
      const value = this.#context.codec.decode(text);
      if (isObject(value)) this.#shared.set(value, leftMs);
      return value;
    } catch (error) {
      this.#context.onRefused(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  /** A list of another process is good for as long as it is there; where no change would be heard of, only for this answer. */
  #ttlOf(value: unknown, own: Ttl): number {
    const leftMs = isObject(value) ? this.#shared.get(value) : undefined;
    if (leftMs === undefined) return own(value);
    return this.#context.isHearing() ? Math.min(leftMs, own(value)) : Math.min(1, own(value));
  }

  async #renew(list: ListName, renewal: Renewal): Promise<void> {
    try {
      while (renewal.isDue) {
        renewal.isDue = false;
        const generation = await this.#context.store.renew(list);
        this.#context.onRenewed(this, list, generation);
      }
      this.#renewals.delete(list);
    } catch {
      // It is tried again with the next comparison; the fleet's list is not read before.
      renewal.isDue = true;
    }
    renewal.running = undefined;
  }

  /** Whether the fleet knows of every change of a list that was heard of here. */
  async #isConfirmed(list: ListName): Promise<boolean> {
    await this.#renewals.get(list)?.running;
    return !this.#renewals.has(list);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
