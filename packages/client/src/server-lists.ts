import type { ListOptions } from "./config/call-options.js";
import type { Policy } from "./config/policy.js";
import type { ToolFilter } from "./config/server-config.js";
import type { Notification } from "./connections/server-connections.js";
import type { Deadline } from "./deadline.js";
import type { EventBody } from "./events.js";
import type { ListName, ToolListCache } from "./interfaces.js";
import { CachedList, type ListItem } from "./lists/cached-list.js";
import { changeOf, methodOf } from "./lists/list-names.js";
import { type ListOwner, Lists, type ListsContext, listRefreshed } from "./lists/lists.js";
import { modernVersion } from "./session/era/protocol-versions.js";

/** What the lists of a server need of it. */
export interface ServerListsContext extends Pick<ListsContext, "fetch"> {
  readonly server: string;
  readonly policy: Policy;
  readonly cache: ToolListCache;
  readonly capabilities: unknown;
  /** The replica that is asked first. */
  readonly replica: () => number;
  readonly startDeadline: (what: string, options: ListOptions) => Deadline;
  readonly emit: (event: EventBody) => void;
}

/** The lists of one server as its users see them: cached, kept up to date, and without what the policy leaves out. */
export class ServerLists {
  readonly #context: ServerListsContext;
  readonly #lists: Lists;
  readonly #hasRecall: boolean;
  /** The deadlines of the latest fetches. */
  readonly #fetches = new Map<string, Deadline>();
  /** What of a list the policy lets through. */
  readonly shown: (list: CachedList) => CachedList;

  constructor(context: ServerListsContext) {
    const { server, policy, cache, capabilities, fetch, emit } = context;
    this.#context = context;
    this.#hasRecall = cache.recall !== undefined;
    this.shown = shownTools(policy.tools);
    this.#lists = new Lists({
      server,
      cache,
      ttlMs: policy.cache.ttlMs ?? 300_000,
      capabilities,
      shown: this.shown,
      fetch,
      onRefreshed: (list, before, now, durationMs) => emit(listRefreshed(list, before, now, durationMs)),
    });
    cache.onChangedElsewhere?.((list) => this.#changedElsewhere(list));
  }

  /**
   * How long a list is good for of which a server says nothing: by revision 2026-07-28, that wants it said, not at all, unless
   * the policy has a time of its own. Undefined where that is as usual.
   */
  silentTtlMs(protocol: string | undefined): number | undefined {
    const isStale = protocol === modernVersion && this.#context.policy.cache.ttlMs === undefined;
    return isStale ? 0 : undefined;
  }

  /** A list, from the cache while it is good. */
  async get(list: ListName, options: ListOptions): Promise<CachedList> {
    const { principal, refresh = false, signal, timeoutMs } = options;
    const owner = { replica: this.#context.replica(), principal };
    signal?.throwIfAborted();
    const known = refresh ? undefined : await this.#lists.fresh(list, owner);
    if (known !== undefined) return known;
    const deadline = this.#context.startDeadline(methodOf(list), options);
    // The fetch is shared by all who wait for the list; its own deadline knows whether it was sent.
    deadline.blameOn(() => this.#fetches.get(fetchKey(list, owner))?.blame);
    try {
      return await this.#lists.get(list, owner, { signal: deadline.signal, refresh, timeoutMs });
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** A fetch has begun, which ends with `deadline`. */
  fetching(list: ListName, owner: ListOwner, deadline: Deadline): void {
    const key = fetchKey(list, owner);
    this.#fetches.set(key, deadline);
    deadline.onceDone(() => {
      // A list that has changed meanwhile is being fetched anew.
      if (this.#fetches.get(key) === deadline) this.#fetches.delete(key);
    });
  }

  /** What is cached of a tool, fresh or stale; nothing is fetched. */
  knownTool(name: string, principal: string | undefined): ListItem | undefined {
    return this.#lists.knownTool(name, principal);
  }

  /** The tool lists that a principal was shown last, of every replica. They stay known while no list can be had. */
  lastTools(principal: string | undefined): readonly CachedList[] {
    return this.#lists.lastTools(principal);
  }

  /** Has the tools of a principal known here that another process has stored; undefined where there is nothing to wait for. */
  recallTools(principal: string | undefined): Promise<void> | undefined {
    if (!this.#hasRecall) return undefined;
    return this.#lists.recallTools({ replica: this.#context.replica(), principal });
  }

  /** How many tools the list seen last had; undefined where none was seen. */
  get toolCount(): number | undefined {
    return this.#lists.toolCount;
  }

  /** Whether the policy lets a tool through. */
  allowsTool(tool: string): boolean {
    return allowsTool(this.#context.policy.tools, tool);
  }

  /** The first connection after a time without one is open. */
  reconnected(principal: string | undefined): void {
    this.#lists.reconnected(principal);
  }

  /** The server has sent a notification. Whether it was about a list. */
  notified({ method, principal }: Notification): boolean {
    return this.#outdated(method, principal, (list) => this.#lists.changed(list));
  }

  /** The server may have sent it unheard. */
  missed(method: string, principal: string | undefined): void {
    this.#outdated(method, principal, (list) => this.#lists.doubt(list));
  }

  #outdated(method: string, principal: string | undefined, forget: (list: ListName) => void): boolean {
    const change = changeOf(method);
    if (change === undefined) return false;
    for (const list of change.outdated) forget(list);
    this.#context.emit({ type: "listChanged", list: change.list, principal });
    return true;
  }

  /** Another process says that a list has changed. */
  #changedElsewhere(list: ListName): void {
    this.#lists.changedElsewhere(list);
    this.#context.emit({
      type: "listChanged",
      list: list === "resourceTemplates" ? "resources" : list,
      principal: undefined,
    });
  }
}

function fetchKey(list: ListName, { replica, principal }: ListOwner): string {
  return JSON.stringify([list, replica, principal]);
}

/** Makes what leaves out of a list of tools those that a filter does not let through: of one list always the same part. */
export function shownTools(filter: ToolFilter): (list: CachedList) => CachedList {
  if (filter.allow === undefined && filter.deny === undefined) return (list) => list;
  const shown = new WeakMap<CachedList, CachedList>();
  return (list) => {
    if (list.list !== "tools") return list;
    const known = shown.get(list);
    if (known !== undefined) return known;
    const items = list.items.filter(({ name }) => allowsTool(filter, String(name)));
    const part = new CachedList("tools", Object.freeze(items), list);
    shown.set(list, part);
    return part;
  };
}

/** Whether a filter lets a tool through; without `allow` it lets every tool through that it does not deny. */
export function allowsTool({ allow, deny }: ToolFilter, tool: string): boolean {
  return (allow === undefined || names(allow, tool)) && !(deny !== undefined && names(deny, tool));
}

/** Whole names; an entry of `*` means all. */
function names(list: readonly string[], tool: string): boolean {
  return list.includes(tool) || list.includes("*");
}
