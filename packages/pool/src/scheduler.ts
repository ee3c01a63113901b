import { Events } from "./events.js";
import { KeyTable } from "./key-table.js";
import { Creation } from "./lifecycle/create.js";
import { destroy, retire } from "./lifecycle/destroy.js";
import { cancelRound, planRound, runRound } from "./lifecycle/maintain.js";
import { Reset } from "./lifecycle/reset.js";
import { needsValidation, Validation } from "./lifecycle/validate.js";
import type { GivenLimits, Limits } from "./limits.js";
import { Heap } from "./lists/heap.js";
import { goesBefore } from "./lists/wait-queue.js";
import type { Engine } from "./model/engine.js";
import type { KeyState } from "./model/key-state.js";
import { PoolLease } from "./model/pool-lease.js";
import type { Resource } from "./model/resource.js";
import type { Waiter } from "./model/waiter.js";
import type { PoolOptions } from "./options.js";
import type { DestroyReason } from "./stats.js";
import { Clock, type ClockReading } from "./support/clock.js";
import { Counters } from "./support/counters.js";
import { Deadlines } from "./support/deadlines.js";

/**
 * Decides who gets what is free, what is created, and what makes room. All of that happens in `settle`, in its order.
 *
 * A key that could use a further resource has a claim to slots. Claims are ordered by the waiter for whom the resource would
 * be, so keys that cannot use a slot are never looked at.
 * Invariants: a key is in the heap exactly while it claims something; `#claimed` is the sum of all claims.
 */
export class Scheduler<R> implements Engine<R, KeyState<R>> {
  readonly options: PoolOptions<R>;
  readonly counters: Counters = new Counters();
  readonly keys: KeyTable<R>;
  readonly events: Events | undefined;
  readonly background: Deadlines = new Deadlines(false);
  readonly clock: Clock = new Clock(this.background, () => this.#awake());
  readonly acquireLimits: Deadlines = new Deadlines(true);
  maxTotal: number;
  closed = false;
  #order = 0;
  #claimed = 0;
  #lateProducts = 0;
  readonly #whenEmpty: (() => void)[] = [];
  readonly #claims = new Heap<KeyState<R>>(
    (a, b) => a.claimant !== undefined && b.claimant !== undefined && goesBefore(a.claimant, b.claimant),
    (state, index) => {
      state.claimIndex = index;
    },
  );
  /** The idle resources of all keys, the longest idle first; empty where `maxTotal` is `Infinity`. */
  readonly #evictionOrder = new Heap<Resource<R>>(
    (a, b) => a.idleOrder < b.idleOrder,
    (resource, index) => {
      resource.evictionIndex = index;
    },
  );

  constructor(options: PoolOptions<R>) {
    this.options = options;
    this.maxTotal = options.maxTotal ?? Number.POSITIVE_INFINITY;
    this.keys = new KeyTable(this, options);
    this.events = options.onEvent && new Events(options.onEvent);
  }

  get hasSpareSlot(): boolean {
    return this.#claims.size === 0 && this.counters.resources < this.maxTotal;
  }

  get exceedsTotal(): boolean {
    return this.counters.kept > this.maxTotal;
  }

  get canFreeSlot(): boolean {
    return this.counters.leased + this.counters.creating + this.#claimed < this.maxTotal;
  }

  nextOrder(): number {
    this.#order += 1;
    return this.#order;
  }

  limitsOf(given: GivenLimits): Limits {
    return this.keys.limitsOf(given);
  }

  /** A resource that can be lent this instant to a caller before whom nobody waits. */
  lendable(state: KeyState<R>, now: ClockReading): Resource<R> | undefined {
    const newest = state.idleList.newest;
    if (state.counters.waiting > 0) return undefined;
    return newest !== undefined && now.at < newest.goodUntil ? newest : this.#examined(state, now);
  }

  #examined(state: KeyState<R>, now: ClockReading): Resource<R> | undefined {
    const resource = this.#leastLoaded(state, now);
    return resource === undefined || needsValidation(state, resource, now) ? undefined : resource;
  }

  settle(state: KeyState<R>): void {
    this.#serve(state);
    this.#claim(state);
    this.#fillSlots();
    this.#topUp(state);
    planRound(state);
    this.#dropIfUnused(state);
  }

  settleAll(): void {
    for (const state of this.keys.all) this.settle(state);
  }

  /** Lends what there is to the waiters, and has the surplus destroyed. */
  #serve(state: KeyState<R>): void {
    const { counters, idleList, queue } = state;
    const now = this.clock.now();
    for (let waiter = queue.first; waiter !== undefined; waiter = queue.first) {
      const resource = this.#leastLoaded(state, now);
      if (resource === undefined || this.#isOwedToAnotherKey(resource, waiter)) break;
      if (needsValidation(state, resource, now)) {
        if (queue.unserved === 0) break;
        new Validation(state, resource, true).begin();
      } else {
        state.leave(waiter, now.at);
        const idleSince = state.lend(resource, now, now.at - waiter.since);
        waiter.grant(new PoolLease(state, resource, now, idleSince, waiter.stack));
      }
    }
    while (idleList.newest !== undefined && counters.idle > state.limits.maxIdlePerKey)
      destroy(state, idleList.newest, "surplus");
  }

  /** The least loaded resource that can be lent. Those that must go are sent on the way. */
  #leastLoaded(state: KeyState<R>, now: ClockReading): Resource<R> | undefined {
    for (;;) {
      const resource = state.idleList.leastLoaded;
      if (resource === undefined) return undefined;
      const reason =
        resource.reasonToGo(now, state.limits.maxIdleMs) ?? (this.#lendsTooMany(state) ? "resized" : undefined);
      if (reason === undefined) return resource;
      retire(state, resource, reason);
    }
  }

  /** The last resource of a key goes on serving until it is free, however many other keys hold. */
  #lendsTooMany({ counters, limits }: KeyState<R>): boolean {
    return counters.kept > limits.maxPerKey || (counters.kept > 1 && this.exceedsTotal);
  }

  /** A waiter of another key comes first, and this resource can make room for it. */
  #isOwedToAnotherKey(resource: Resource<R>, waiter: Waiter<R>): boolean {
    if (resource.leases > 0 || resource.isFresh) return false;
    const claimant = this.#claims.peek()?.claimant;
    return claimant !== undefined && this.#lacksSlots && goesBefore(claimant, waiter);
  }

  /** Records how many slots a key could use now. */
  #claim(state: KeyState<R>): void {
    const { wanted } = state;
    const claimant = wanted > 0 ? state.queue.firstUnserved : undefined;
    this.#claimed += wanted - state.claimed;
    state.claimed = wanted;
    if (claimant === undefined) this.#claims.remove(state.claimIndex);
    state.claimant = claimant;
    if (claimant === undefined) return;
    if (state.claimIndex < 0) this.#claims.push(state);
    else this.#claims.move(state.claimIndex);
  }

  /** Gives free slots to the claims in their order, then has idle resources make room for the rest. */
  #fillSlots(): void {
    while (this.counters.resources < this.maxTotal) {
      const state = this.#claims.peek();
      if (state === undefined) return;
      new Creation(state, state.claimant).begin();
      this.#claim(state);
    }
    while (this.#lacksSlots && this.#destroyLongestIdle("evicted"));
  }

  /** There are more claims than slots that are free or about to be. */
  get #lacksSlots(): boolean {
    const { destroying, resources } = this.counters;
    return this.#claimed > 0 && resources - destroying + this.#claimed > this.maxTotal;
  }

  /** Returns false where no resource is idle. */
  #destroyLongestIdle(reason: DestroyReason): boolean {
    const resource = this.#evictionOrder.peek();
    const state = resource && this.keys.peek(resource.key);
    if (resource === undefined || state === undefined) return false;
    destroy(state, resource, reason);
    return true;
  }

  /** Restores the minimum of a key from slots that nobody else wants. */
  #topUp(state: KeyState<R>): void {
    if (state.retry.waiting) return;
    while (state.lacksMinimum && this.hasSpareSlot) new Creation(state, undefined).begin();
  }

  /** The record of an emptied key goes. What it counted stays in the pool's figures. */
  #dropIfUnused(state: KeyState<R>): void {
    if (state.isUsed || !this.keys.remove(state)) return;
    state.retry.cancel();
    cancelRound(state);
    if (this.keys.size === 0) this.clock.stop();
    this.#reportIfEmpty();
  }

  returned(state: KeyState<R>, resource: Resource<R>, now: ClockReading, heldMs: number): void {
    const { counters, key, limits } = state;
    counters.returned(heldMs);
    this.events?.emit({ type: "released", key, useMs: heldMs });
    if (resource.phase !== "leased") counters.leasesLost(-1);
    else if (resource.leases > 1) state.returnPlace(resource);
    else this.#becameFree(state, resource, now);
    // Mostly there is nothing else to do.
    const quiet = counters.waiting === 0 && limits.minIdlePerKey === 0 && this.#claims.size === 0;
    if (quiet && counters.idle > 0 && counters.idle <= limits.maxIdlePerKey) planRound(state);
    else this.settle(state);
  }

  #becameFree(state: KeyState<R>, resource: Resource<R>, now: ClockReading): void {
    resource.leases = 0;
    const reason = resource.reasonToGo(now, state.limits.maxIdleMs) ?? (state.exceedsLimits ? "resized" : undefined);
    if (reason !== undefined) destroy(state, resource, reason);
    else if (this.options.reset !== undefined) new Reset(state, resource).begin();
    else state.rest(resource, now, true);
  }

  becameIdle(resource: Resource<R>): void {
    // Where there is no limit nothing is evicted, so nobody needs to know what is idle.
    if (this.maxTotal !== Number.POSITIVE_INFINITY) this.#evictionOrder.push(resource);
  }

  takenFromIdle(resource: Resource<R>): void {
    if (resource.evictionIndex >= 0) this.#evictionOrder.remove(resource.evictionIndex);
  }

  #awake(): void {
    for (const state of this.keys.all) state.distrustIdle();
  }

  /** Ends the rest after failed creations, of one key or of all. */
  retryNow(states: readonly KeyState<R>[]): void {
    for (const state of states) {
      if (!state.retry.waiting) continue;
      state.retry.cancel();
      this.settle(state);
    }
  }

  maintain(state: KeyState<R>): void {
    runRound(state);
  }

  /** Sets the limits of all keys and the total. Has the longest idle destroyed where more stay than may. */
  resize(perKey: GivenLimits, maxTotal: number): void {
    this.keys.changeLimits(perKey);
    const wasUnlimited = this.maxTotal === Number.POSITIVE_INFINITY;
    this.maxTotal = maxTotal;
    for (const state of this.keys.all) {
      const { counters, idleList, limits } = state;
      while (idleList.oldest && (counters.kept > limits.maxPerKey || counters.idle > limits.maxIdlePerKey))
        destroy(state, idleList.oldest, "resized");
      if (wasUnlimited) for (const resource of idleList.idle()) this.becameIdle(resource);
    }
    while (this.exceedsTotal && this.#destroyLongestIdle("resized"));
    this.settleAll();
  }

  lateProductCame(): void {
    this.#lateProducts += 1;
  }

  lateProductGone(reason: DestroyReason): void {
    this.#lateProducts -= 1;
    this.counters.lateProductDestroyed(reason);
    this.#reportIfEmpty();
  }

  async whenEmpty(): Promise<void> {
    if (!this.#isEmpty) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  get #isEmpty(): boolean {
    return this.keys.size === 0 && this.#lateProducts === 0;
  }

  #reportIfEmpty(): void {
    if (!this.closed || !this.#isEmpty) return;
    this.events?.end();
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
