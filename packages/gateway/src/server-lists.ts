import type { ListOptions, MinionClient } from "@minion/client";
import { qualifiedName } from "@minion/client";
import type { Changes, ChangingList } from "./changes.js";
import { type Filters, type GatewaySettings, isAllowed } from "./gateway-options.js";
import { gatewayUri } from "./resource-uri.js";

/** A list that the gateway merges. */
export type ListName = "tools" | "prompts" | "resources" | "resourceTemplates";

/** An entry of a merged list, and what it stands for. */
export interface Entry {
  readonly server: string;
  /** The name or URI on its server. */
  readonly own: string;
  /** As callers of the gateway see it. */
  readonly shown: Readonly<Record<string, unknown>>;
}

/** A list of all servers. */
export interface MergedList {
  readonly entries: readonly Entry[];
  /** The names of the servers that could not be asked. */
  readonly unavailable: readonly string[];
}

/** For whom a list is asked, and until when. */
export interface Asking {
  readonly signal?: AbortSignal | undefined;
  readonly principal: string | undefined;
  /** Milliseconds. Default: the server's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

/** So many lists are remembered; those that were listed first are forgotten. */
const maxListed = 1_000;

/** How often the servers of the client are looked at: to read its status costs as much as a call. */
const rereadMs = 1_000;

const longestRestMs = 30_000;
const shortestRestMs = 1_000;

/** What of an entry the gateway writes anew. */
const keys = { tools: "name", prompts: "name", resources: "uri", resourceTemplates: "uriTemplate" } as const;

/**
 * The lists of all servers, merged in the order of the configuration. A server that cannot be asked is named, tried again
 * at the end of its rest, and its lists are told as changed when it is back.
 */
export class ServerLists {
  readonly #client: MinionClient;
  readonly #settings: GatewaySettings;
  readonly #changes: Changes;
  /** What was made of a list of the client, which gives out the same array until the list changes. */
  readonly #made = new WeakMap<readonly object[], readonly Entry[]>();
  /** Tools and prompts as they were last listed, by server, list and the principal whose they are. */
  readonly #listed = new Map<string, readonly Entry[]>();
  #servers: readonly string[];
  #readAt = performance.now();
  readonly #lost = new Map<string, { readonly lists: Set<ListName>; readonly timer: NodeJS.Timeout }>();
  #isClosed = false;

  constructor(settings: GatewaySettings, changes: Changes) {
    this.#client = settings.client;
    this.#settings = settings;
    this.#changes = changes;
    this.#servers = namesOf(settings.client);
  }

  /** The names of all servers, in the order of the configuration. One that is added or removed is noticed within a second. */
  servers(): readonly string[] {
    const now = performance.now();
    if (now - this.#readAt < rereadMs) return this.#servers;
    this.#readAt = now;
    const before = this.#servers;
    this.#servers = namesOf(this.#client);
    if (JSON.stringify(before) !== JSON.stringify(this.#servers))
      for (const list of ["tools", "prompts", "resources"] as const) this.#changes.changed(list);
    return this.#servers;
  }

  /** The principal in whose name a server is called; undefined for one that serves all alike. */
  principalFor(server: string, principal: string | undefined): string | undefined {
    return this.#settings.perUser.includes(server) ? principal : undefined;
  }

  /** The list of all servers. Each is waited for by its own deadlines. Rejects with `signal.reason` only. */
  async merged(list: ListName, asking: Asking): Promise<MergedList> {
    const servers = this.servers();
    const outcomes = await Promise.allSettled(servers.map((server) => this.of(server, list, asking)));
    if (asking.signal?.aborted === true) throw asking.signal.reason;
    const unavailable = servers.filter((_, index) => outcomes[index]?.status === "rejected");
    for (const server of unavailable) this.#tryAgain(server, list);
    const entries = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? outcome.value : []));
    return { entries: withoutShared(entries, keys[list]), unavailable };
  }

  /** The list of one server. */
  async of(server: string, list: ListName, asking: Asking): Promise<readonly Entry[]> {
    const { signal, timeoutMs } = asking;
    const principal = this.principalFor(server, asking.principal);
    const items = await this.#ask(server, list, { signal, principal, timeoutMs });
    const entries = this.#made.get(items) ?? this.#make(server, list, items);
    if (list === "tools" || list === "prompts") this.#remember(listedKey(server, list, principal), entries);
    return entries;
  }

  /**
   * The tools or prompts of a server as they were last listed; undefined where they were not. A server whose lists cannot
   * be kept is not asked for each call.
   */
  known(server: string, list: "tools" | "prompts", { principal }: Asking): readonly Entry[] | undefined {
    return this.#listed.get(listedKey(server, list, this.principalFor(server, principal)));
  }

  #remember(key: string, entries: readonly Entry[]): void {
    this.#listed.delete(key);
    this.#listed.set(key, entries);
    for (const [oldest] of this.#listed) {
      if (this.#listed.size <= maxListed) return;
      this.#listed.delete(oldest);
    }
  }

  #make(server: string, list: ListName, items: readonly object[]): readonly Entry[] {
    const entries = Object.freeze(
      items.flatMap((item) => {
        const entry = this.#entryOf(server, list, item);
        return entry === undefined ? [] : [entry];
      }),
    );
    this.#made.set(items, entries);
    return entries;
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#lost.values()) clearTimeout(timer);
    this.#lost.clear();
  }

  #entryOf(server: string, list: ListName, item: object): Entry | undefined {
    const key = keys[list];
    const own: unknown = Reflect.get(item, key);
    if (typeof own !== "string" || !isAllowed(this.#filtersOf(list), server, own)) return undefined;
    const name = key === "name" ? qualifiedName(server, own, this.#settings.names) : gatewayUri(server, own);
    return Object.freeze({ server, own, shown: Object.freeze({ ...item, [key]: name }) });
  }

  #filtersOf(list: ListName): Filters {
    if (list === "tools" || list === "prompts") return this.#settings[list];
    return this.#settings.resources;
  }

  #ask(server: string, list: ListName, options: ListOptions): Promise<readonly object[]> {
    switch (list) {
      case "tools":
        return this.#client.listTools(server, options);
      case "prompts":
        return this.#client.listPrompts(server, options);
      case "resources":
        return this.#client.listResources(server, options);
      case "resourceTemplates":
        return this.#client.listResourceTemplates(server, options);
    }
  }

  /** Asks a lost server again at the end of its rest, and tells of its lists when it answers. */
  #tryAgain(server: string, list: ListName): void {
    if (this.#isClosed || !this.servers().includes(server)) return;
    const known = this.#lost.get(server);
    if (known !== undefined) {
      known.lists.add(list);
      return;
    }
    const lists = new Set([list]);
    const { nextRetryAt } = this.#client.status().find(({ name }) => name === server) ?? {};
    const restMs = Math.min(longestRestMs, Math.max(shortestRestMs, (nextRetryAt ?? 0) - Date.now()));
    const timer = setTimeout(() => void this.#retry(server, lists), restMs);
    timer.unref();
    this.#lost.set(server, { lists, timer });
  }

  async #retry(server: string, lists: ReadonlySet<ListName>): Promise<void> {
    const asked = [...lists];
    const outcomes = await Promise.allSettled(asked.map((list) => this.of(server, list, { principal: undefined })));
    if (this.#isClosed) return;
    this.#lost.delete(server);
    // Others may have been asked for in vain meanwhile.
    const missed = [...lists].filter((list) => !asked.includes(list));
    for (const [index, list] of asked.entries()) {
      if (outcomes[index]?.status === "fulfilled") this.#changes.changed(changingList(list));
      else missed.push(list);
    }
    for (const list of missed) this.#tryAgain(server, list);
  }
}

function namesOf(client: MinionClient): readonly string[] {
  return client.status().map(({ name }) => name);
}

function listedKey(server: string, list: ListName, principal: string | undefined): string {
  return JSON.stringify([server, list, principal]);
}

/** The list of which a change is told: templates are told with the resources. */
export function changingList(list: ListName): ChangingList {
  return list === "resourceTemplates" ? "resources" : list;
}

/** A name that two different tools share, which takes two equal hashes, stands for neither. */
function withoutShared(entries: readonly Entry[], key: string): readonly Entry[] {
  const first = new Map<unknown, Entry>();
  const shared = new Set<unknown>();
  for (const entry of entries) {
    const name = entry.shown[key];
    const other = first.get(name);
    if (other === undefined) first.set(name, entry);
    else if (other.server !== entry.server || other.own !== entry.own) shared.add(name);
  }
  return shared.size === 0 ? entries : entries.filter(({ shown }) => !shared.has(shown[key]));
}
