import type { CacheSettings } from "./cache-options.js";
import type { Counters } from "./cache-stats.js";
import { checkDuration } from "./check.js";
import { exactNow } from "./clock.js";
import { CacheLoadTimeoutError } from "./errors.js";
import { Flight, type FlightEvents } from "./flight.js";
import type { KeptValues } from "./kept-values.js";
import { dropRejection, notify } from "./notify.js";
import { runInOwnContext } from "./own-context.js";
import { TagIndex } from "./tag-index.js";

/** The argument of a {@link Load}. */
export interface LoadContext<V> {
  /**
   * Aborts when the last caller that waited for this load has left, when an unattended refresh is overtaken, or when the
   * load takes longer than `loadTimeoutMs`.
   */
  readonly signal: AbortSignal;
  /** The old value, where one is still held. */
  readonly stale: V | undefined;
}

/** Produces the value of a key. It must not wait for the same key of the same cache: it would wait for itself. */
export type Load<V> = (context: LoadContext<V>) => V | PromiseLike<V>;

/** How long a loaded value is fresh, in milliseconds, or a function of the value that says so. */
export type Ttl<V> = number | ((value: V) => number);

/** A load that a caller asks for, and what is to become of its value. */
export interface LoadRequest<V> {
  readonly load: Load<V>;
  readonly ttlMs: Ttl<V>;
  readonly tags: readonly string[];
  readonly stale: V | undefined;
}

/** The limit of a load that nobody waits for, where none was given. */
const unattendedTimeoutMs = 30_000;

/** The loads in flight, one per key, and what becomes of their results. */
export class Loads<V> implements FlightEvents<V> {
  readonly #settings: CacheSettings<V>;
  readonly #counters: Counters;
  readonly #kept: KeptValues<V>;
  /** By key the newest load, the only one that may store its result: what is no longer in here was overtaken. */
  readonly #newest = new Map<string, Flight<V>>();
  /** Those in `#newest`, by tag. */
  readonly #byTag = new TagIndex<Flight<V>>();
  /** All that have neither ended nor been abandoned, the oldest first. */
  readonly #underWay = new Set<Flight<V>>();

  constructor(settings: CacheSettings<V>, counters: Counters, kept: KeptValues<V>) {
    this.#settings = settings;
    this.#counters = counters;
    this.#kept = kept;
  }

  get count(): number {
    return this.#underWay.size;
  }

  /** How long the oldest load has been under way, in milliseconds; 0 where there is none. */
  get oldestMs(): number {
    for (const flight of this.#underWay) return flight.ageMs;
    return 0;
  }

  has(key: string): boolean {
    return this.#newest.has(key);
  }

  /** Whether the load in flight has outlived the soft timeout, so that an old value is better than waiting. */
  isLate(key: string): boolean {
    const flight = this.#newest.get(key);
    return flight !== undefined && flight.ageMs >= this.#settings.softTimeoutMs;
  }

  keys(): Iterable<string> {
    return this.#newest.keys();
  }

  keysOf(tag: string): readonly string[] {
    return this.#byTag.of(tag).map(({ key }) => key);
  }

  /** Waits for the load in flight, or for one started now. */
  wait(key: string, request: LoadRequest<V>, signal: AbortSignal | undefined): Promise<V> {
    const inFlight = this.#newest.get(key);
    const flight = inFlight ?? this.#open(key, request.tags);
    const result = flight.join(signal);
    const { softTimeoutMs, loadTimeoutMs = Number.POSITIVE_INFINITY } = this.#settings;
    flight.softTimer.start(Math.max(0, softTimeoutMs - flight.ageMs), () => this.#serveStale(flight));
    flight.hardTimer.setAwaited(true);
    if (inFlight === undefined) {
      flight.hardTimer.start(loadTimeoutMs, () => this.#giveUp(flight, loadTimeoutMs));
      void this.#run(flight, request);
    } else {
      this.#counters.coalesced += 1;
      this.#addTags(inFlight, request.tags);
    }
    return result;
  }

  /** Sees to it that a load runs to its end, whoever waits for it. */
  runBehind(key: string, request: LoadRequest<V>): void {
    const inFlight = this.#newest.get(key);
    if (inFlight !== undefined) {
      inFlight.keepInBackground();
      return;
    }
    const flight = this.#open(key, request.tags);
    flight.keepInBackground();
    runInOwnContext(() => {
      if (!flight.isAbandoned) void this.#run(flight, request);
    });
  }

  /** Forbids the load in flight to store its result. The caller is to `release` it once everything else is done. */
  overtake(key: string): Flight<V> | undefined {
    if (this.#newest.size === 0) return undefined;
    const flight = this.#newest.get(key);
    if (flight !== undefined) this.#land(flight);
    return flight;
  }

  overtakeAll(): Flight<V>[] {
    const flights = [...this.#newest.values()];
    this.#newest.clear();
    this.#byTag.clear();
    return flights;
  }

  abandoned(flight: Flight<V>): void {
    this.#land(flight);
    this.#underWay.delete(flight);
  }

  unattended(flight: Flight<V>): void {
    const { loadTimeoutMs = unattendedTimeoutMs } = this.#settings;
    flight.hardTimer.setAwaited(false);
    runInOwnContext(() => {
      if (flight.hasEnded || flight.isAbandoned) return;
      flight.hardTimer.start(loadTimeoutMs, () => this.#giveUp(flight, loadTimeoutMs));
      flight.hardTimer.setAwaited(flight.isAwaited);
    });
  }

  #open(key: string, tags: readonly string[]): Flight<V> {
    const flight = new Flight<V>(key, tags, this);
    this.#newest.set(key, flight);
    this.#byTag.add(flight);
    this.#underWay.add(flight);
    this.#counters.loads += 1;
    return flight;
  }

  /** A caller that joins with other tags wants the value to be found by those too. */
  #addTags(flight: Flight<V>, tags: readonly string[]): void {
    if (tags.every((tag) => flight.tags.includes(tag))) return;
    this.#byTag.remove(flight);
    flight.tags = [...new Set([...flight.tags, ...tags])];
    this.#byTag.add(flight);
  }

  /** Takes a flight off the list, and says whether it was still the newest word on its key. */
  #land(flight: Flight<V>): boolean {
    if (this.#newest.get(flight.key) !== flight) return false;
    this.#byTag.remove(flight);
    return this.#newest.delete(flight.key);
  }

  // Somebody must be interested in the flight before the load runs: its synchronous part may overtake itself.
  async #run(flight: Flight<V>, { load, ttlMs, stale }: LoadRequest<V>): Promise<void> {
    try {
      const value = await load({ signal: flight.signal, stale });
      if (flight.hasEnded) return;
      const ownTtlMs = typeof ttlMs === "function" ? ttlMs(value) : ttlMs;
      dropRejection(ownTtlMs);
      checkDuration(ownTtlMs, "Cache.getOrSet: the result of ttlMs");
      const isNewest = this.#finish(flight);
      if (isNewest) this.#kept.put(flight.key, value, ownTtlMs, flight.tags);
      flight.resolve(value);
    } catch (error) {
      if (!flight.hasEnded) this.#fail(flight, error);
    }
  }

  #serveStale(flight: Flight<V>): void {
    const entry = flight.isAwaited ? this.#kept.peek(flight.key, exactNow()) : undefined;
    if (entry !== undefined) flight.serve(entry.value);
  }

  /** Ends a load that takes too long, also where it does not listen: what it gives later is dropped. */
  #giveUp(flight: Flight<V>, timeoutMs: number): void {
    const error = new CacheLoadTimeoutError(flight.key, timeoutMs);
    this.#fail(flight, error);
    flight.abort(error);
  }

  #fail(flight: Flight<V>, error: unknown): void {
    const { key } = flight;
    if (!flight.isAbandoned) this.#counters.loadFailures += 1;
    if (!this.#finish(flight)) {
      flight.reject(error);
      return;
    }
    const now = exactNow();
    const entry = this.#kept.peek(key, now);
    entry?.backOff(now);
    const { staleIfErrorMs, onRefreshError } = this.#settings;
    const isExcused = entry !== undefined && staleIfErrorMs > 0 && now < entry.expiresAt + staleIfErrorMs;
    const { isAwaited } = flight;
    this.#kept.rememberFailure(key, error, now, flight.tags);
    if (isExcused) flight.resolve(entry.value);
    else flight.reject(error);
    if (isExcused || !isAwaited) notify(onRefreshError, { key, error });
  }

  /** Counts the end of a load, and says whether it was still the newest word on its key. */
  #finish(flight: Flight<V>): boolean {
    this.#counters.loadMs += flight.ageMs;
    this.#underWay.delete(flight);
    return this.#land(flight);
  }
}
