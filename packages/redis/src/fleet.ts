import { Cache } from "@minion/cache";
import type { ListName, MinionClient, MinionClientOptions } from "@minion/client";
import { FleetBus } from "./fleet-bus.js";
import type { FleetEventBody } from "./fleet-event.js";
import type { FleetMessage } from "./fleet-message.js";
import { type FleetOptions, type FleetSettings, fleetSettings } from "./fleet-options.js";
import { FleetCounters, type FleetStats, type FleetStatus } from "./fleet-stats.js";
import { ListStore, randomId } from "./list-store.js";
import { Presence } from "./presence.js";
import { makeQuota, type Quota, type QuotaOptions } from "./quota.js";
import { RedisLink } from "./redis-link.js";
import { SharedBreakers } from "./shared-breakers.js";
import { SharedListCache } from "./shared-list-cache.js";

/** How often a process says that it is there, hears itself say it, and compares the lists that it holds. */
const beatEveryMs = 5_000;
/** Nothing was heard yet. */
const noBeat = "";

/**
 * What the processes of a fleet share over Redis or Valkey: lists, verdicts on servers, and quotas. One per process.
 *
 * Redis is never depended on: a command is waited for `commandTimeoutMs` at most, and while Redis does not answer, each
 * process is what it would be without this class.
 *
 * @throws TypeError | RangeError from the constructor for a wrong option
 */
export class Fleet implements AsyncDisposable {
  /** For `MinionClientOptions.cache`. */
  readonly cache: NonNullable<MinionClientOptions["cache"]>;
  /** For `MinionClientOptions.breaker`. Verdicts of others are checked by the clients that are watched. */
  readonly breaker: NonNullable<MinionClientOptions["breaker"]>;
  readonly #settings: FleetSettings;
  readonly #self = randomId();
  readonly #counters = new FleetCounters();
  readonly #caches = new Map<string, Set<SharedListCache>>();
  readonly #presence: Presence;
  readonly #link: RedisLink;
  readonly #bus: FleetBus;
  readonly #breakers: SharedBreakers;
  readonly #beats: NodeJS.Timeout;
  /** The beat that was sent last and has not come back, and since when none has. */
  #awaited = noBeat;
  #silentSince: number | undefined;
  #state: FleetStatus["state"] = "alone";
  #changedAt = performance.now();
  #reason: string | undefined = "it is starting";

  constructor(options: FleetOptions) {
    this.#settings = fleetSettings(options);
    const { redis, namespace, commandTimeoutMs } = this.#settings;
    this.#presence = new Presence(this.#self);
    const failed = (command: string, message: string): void => {
      if (this.#state === "alone") this.#reason = `${command}: ${message}`;
      this.#emit({ type: "commandFailed", command, message });
    };
    this.#link = new RedisLink({
      redis,
      timeoutMs: commandTimeoutMs,
      counters: this.#counters,
      onUp: () => void this.#beat(),
      onDown: (reason) => this.#lost(reason),
      onFailed: failed,
    });
    this.#bus = new FleetBus({
      redis,
      link: this.#link,
      channel: `${namespace}:bus`,
      self: this.#self,
      onMessage: (message, from) => this.#heard(message, from),
      onRefused: (message) => this.#emit({ type: "valueRefused", message }),
      onFailed: failed,
      onSubscribed: () => void this.#beat(),
      onLost: (reason) => this.#lost(reason),
    });
    this.#breakers = new SharedBreakers({
      link: this.#link,
      namespace,
      counters: this.#counters,
      publish: (message) => this.#bus.publish(message),
    });
    // What has arrived while this process was busy is read first.
    this.#beats = setInterval(() => setImmediate(() => this.#tick()), beatEveryMs);
    this.#beats.unref();
    this.cache = (_server, cacheOptions, { identity, codec }) => {
      const local = new Cache<unknown>(cacheOptions);
      if (cacheOptions.enabled === false) return local;
      return this.#share(local, identity, codec, cacheOptions.ttlMs ?? 300_000);
    };
    this.breaker = (server, breakerOptions, context) => this.#breakers.make(server, breakerOptions, context);
  }

  /**
   * Lets verdicts of other processes be checked by this client's pings, until the handle is disposed. Without it they are
   * not heard. Clients of one fleet must mean the same server by the same name.
   */
  watch(client: Pick<MinionClient, "ping">): Disposable {
    if (typeof client?.ping !== "function") throw new TypeError("Fleet: watch() takes a MinionClient");
    return this.#breakers.watch(client);
  }

  /**
   * A quota of that name, counted over all processes that ask for one of the same name, limit and window.
   *
   * @throws TypeError | RangeError that names the option, its rule and the value
   */
  quota(name: string, options: QuotaOptions): Quota {
    const { redis, namespace } = this.#settings;
    const replicas = (): number => this.#presence.count;
    return makeQuota(name, options, { link: this.#link, redis, namespace, counters: this.#counters, replicas });
  }

  /** Whether what is shared is shared, since when, and what this process decides by itself. */
  status(): FleetStatus {
    return {
      state: this.#state,
      ageMs: performance.now() - this.#changedAt,
      reason: this.#reason,
      local: this.#state === "linked" ? [] : ["lists", "verdicts", "quotas"],
    };
  }

  /** A fresh copy of the figures. */
  stats(): FleetStats {
    const isLinked = this.#state === "linked";
    const linkAgeMs = performance.now() - this.#changedAt;
    return { isLinked, linkAgeMs, replicas: this.#presence.count, ...this.#counters };
  }

  /** Ends the subscription. The user's client stays open; caches and breakers go on by themselves. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#changedAt = performance.now();
    this.#reason = "it was closed";
    clearInterval(this.#beats);
    this.#breakers.close();
    this.#bus.close();
    this.#link.close();
    for (const cache of this.#allCaches()) cache.alone();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #share(
    local: Cache<unknown>,
    identity: string,
    codec: ConstructorParameters<typeof SharedListCache>[0]["codec"],
    defaultTtlMs: number,
  ): SharedListCache {
    const { namespace, leaseMs } = this.#settings;
    const siblings = this.#caches.get(identity) ?? new Set();
    this.#caches.set(identity, siblings);
    const cache = new SharedListCache({
      local,
      defaultTtlMs,
      codec,
      leaseMs,
      store: new ListStore(this.#link, namespace, identity, leaseMs),
      counters: this.#counters,
      isHearing: () => this.#state === "linked",
      onRenewed: (from, list, generation) => this.#renewed(identity, from, list, generation),
      onRefused: (message) => this.#emit({ type: "valueRefused", message }),
      onClosed: (closed) => {
        siblings.delete(closed);
        if (siblings.size === 0 && this.#caches.get(identity) === siblings) this.#caches.delete(identity);
      },
    });
    siblings.add(cache);
    return cache;
  }

  #renewed(identity: string, from: SharedListCache, list: ListName, generation: string): void {
    for (const cache of this.#caches.get(identity) ?? []) if (cache !== from) cache.heard(list, generation);
    void this.#bus.publish({ type: "changed", identity, list, generation });
  }

  #heard(message: FleetMessage, from: string): void {
    if (message.type === "present") {
      // A newcomer learns at once who is there.
      if (this.#presence.heard(from)) void this.#beat();
      if (from === this.#self && message.beat === this.#awaited) void this.#confirmed();
      return;
    }
    if (from === this.#self) return;
    if (message.type === "verdict") void this.#breakers.heard(message);
    else if (message.type === "failing") void this.#breakers.heardFailing(message, from);
    else for (const cache of this.#caches.get(message.identity) ?? []) cache.heard(message.list, message.generation);
  }

  #tick(): void {
    const silentMs = performance.now() - (this.#silentSince ?? Number.POSITIVE_INFINITY);
    // What was said five seconds ago has not come back: nothing else does.
    if (silentMs > beatEveryMs / 2 && this.#link.isUp) this.#bus.reconnect("nothing is heard over the subscription");
    this.#bus.retry();
    void this.#beat();
  }

  /** Says that this process is there. When it hears that itself, it hears everything that is said from then on. */
  async #beat(): Promise<void> {
    if (this.#state === "closed" || !this.#link.isUp || !this.#bus.isSubscribed) return;
    const beat = randomId();
    this.#awaited = beat;
    this.#silentSince ??= performance.now();
    if (!(await this.#bus.publish({ type: "present", beat }))) this.#silentSince = undefined;
  }

  /** Changes are heard. Those that were not are found by comparing; only then is what others fetched good for long. */
  async #confirmed(): Promise<void> {
    this.#awaited = noBeat;
    this.#silentSince = undefined;
    this.#presence.beat();
    try {
      const results = await Promise.all([...this.#allCaches()].map((cache) => cache.compare()));
      if (!this.#bus.isSubscribed || !this.#link.isUp || this.#state === "closed") return;
      const [lists, changed] = [sum(results, "lists"), sum(results, "changed")];
      if (this.#state === "linked" && changed === 0) return;
      this.#counters.resyncs += 1;
      this.#emit({ type: "resynced", lists, changed });
      if (this.#state === "linked") return;
      const aloneMs = performance.now() - this.#changedAt;
      this.#state = "linked";
      this.#changedAt = performance.now();
      this.#reason = undefined;
      this.#emit({ type: "linkRestored", aloneMs });
    } catch {
      // The next beat compares again.
    }
  }

  #lost(reason: string): void {
    this.#awaited = noBeat;
    this.#silentSince = undefined;
    if (this.#state === "closed") return;
    this.#reason = reason;
    if (this.#state === "alone") return;
    this.#state = "alone";
    this.#changedAt = performance.now();
    for (const cache of this.#allCaches()) cache.alone();
    this.#emit({ type: "linkLost", reason });
  }

  *#allCaches(): Iterable<SharedListCache> {
    for (const siblings of this.#caches.values()) yield* siblings;
  }

  #emit(event: FleetEventBody): void {
    try {
      const given: unknown = this.#settings.onEvent?.({ ...event, at: Date.now() });
      if (given instanceof Promise) given.catch(() => {});
    } catch {
      // Who listens changes nothing.
    }
  }
}

function sum(
  results: readonly { readonly lists: number; readonly changed: number }[],
  of: "lists" | "changed",
): number {
  return results.reduce((total, result) => total + result[of], 0);
}
