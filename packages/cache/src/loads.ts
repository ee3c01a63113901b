import type { CacheSettings } from "./cache-options.js";
import type { Counters } from "./cache-stats.js";
import { checkDuration } from "./check.js";
import { Flight } from "./flight.js";
import type { KeptValues } from "./kept-values.js";
import { notify } from "./notify.js";

/** What a load is given. */
export interface LoadContext<V> {
  /** Aborts when the last caller that waited for this load has left, or when an unattended refresh is overtaken. */
  readonly signal: AbortSignal;
  /** The old value, where one is still held. */
  readonly stale: V | undefined;
}

/** Produces the value of a key. It must not wait for the same key of the same cache: it would wait for itself. */
export type Load<V> = (context: LoadContext<V>) => V | PromiseLike<V>;

/** How long a loaded value is fresh, in milliseconds, or how to tell from the value. */
export type Ttl<V> = number | ((value: V) => number);

/** The loads in flight, one per key, and what becomes of their results. */
export class Loads<V> {
  readonly #settings: CacheSettings<V>;
  readonly #counters: Counters;
  readonly #kept: KeptValues<V>;
  /** By key the newest load, the only one that may store its result: what is no longer in here was overtaken. */
  readonly #newest = new Map<string, Flight<V>>();

  constructor(settings: CacheSettings<V>, counters: Counters, kept: KeptValues<V>) {
    this.#settings = settings;
    this.#counters = counters;
    this.#kept = kept;
  }

  has(key: string): boolean {
    return this.#newest.has(key);
  }

  keys(): Iterable<string> {
    return this.#newest.keys();
  }

  /** Waits for the load in flight, or for one started now. */
  wait(key: string, load: Load<V>, ttlMs: Ttl<V>, stale: V | undefined, signal: AbortSignal | undefined): Promise<V> {
    const inFlight = this.#newest.get(key);
    if (inFlight !== undefined) {
      this.#counters.coalesced += 1;
      return inFlight.join(signal);
    }
    const flight = this.#open(key);
    const result = flight.join(signal);
    void this.#run(key, flight, load, ttlMs, stale);
    return result;
  }

  /** Sees to it that a load runs to its end, whoever waits for it. */
  runBehind(key: string, load: Load<V>, ttlMs: Ttl<V>, stale: V): void {
    const inFlight = this.#newest.get(key);
    if (inFlight !== undefined) {
      inFlight.keepInBackground();
      return;
    }
    const flight = this.#open(key);
    flight.keepInBackground();
    void this.#run(key, flight, load, ttlMs, stale);
  }

  /** Forbids the load in flight to store its result. The caller is to `release` it once everything else is done. */
  overtake(key: string): Flight<V> | undefined {
    const flight = this.#newest.get(key);
    this.#newest.delete(key);
    return flight;
  }

  overtakeAll(): Flight<V>[] {
    const flights = [...this.#newest.values()];
    this.#newest.clear();
    return flights;
  }

  #open(key: string): Flight<V> {
    const flight = new Flight<V>(() => this.#land(key, flight));
    this.#newest.set(key, flight);
    this.#counters.loads += 1;
    return flight;
  }

  /** Takes a flight off the list, and says whether it was still the newest word on its key. */
  #land(key: string, flight: Flight<V>): boolean {
    return this.#newest.get(key) === flight && this.#newest.delete(key);
  }

  // Somebody must be interested in the flight before the load runs: its synchronous part may overtake itself.
  async #run(key: string, flight: Flight<V>, load: Load<V>, ttlMs: Ttl<V>, stale: V | undefined): Promise<void> {
    const startedAt = performance.now();
    try {
      const value = await load({ signal: flight.signal, stale });
      const ownTtlMs = typeof ttlMs === "function" ? ttlMs(value) : ttlMs;
      checkDuration(ownTtlMs, "Cache.getOrSet: the result of ttlMs");
      this.#counters.loadMs += performance.now() - startedAt;
      if (this.#land(key, flight)) this.#kept.put(key, value, ownTtlMs);
      flight.resolve(value);
    } catch (error) {
      this.#counters.loadMs += performance.now() - startedAt;
      this.#fail(key, flight, error);
    }
  }

  #fail(key: string, flight: Flight<V>, error: unknown): void {
    if (!flight.abandoned) this.#counters.loadFailures += 1;
    if (!this.#land(key, flight)) {
      flight.reject(error);
      return;
    }
    const now = performance.now();
    const entry = this.#kept.peek(key, now);
    entry?.backOff(now);
    this.#kept.rememberFailure(key, error, now);
    const { staleIfErrorMs, onRefreshError } = this.#settings;
    const excused = entry !== undefined && staleIfErrorMs > 0 && now < entry.expiresAt + staleIfErrorMs;
    if (excused) flight.resolve(entry.value);
    else flight.reject(error);
    if (excused || !flight.awaited) notify(onRefreshError, { key, error });
  }
}
