import { PoolTimeoutError } from "../errors.js";
import type { GivenLimits, Limits } from "../limits.js";
import { IdleList } from "../lists/idle-list.js";
import { WaitQueue } from "../lists/wait-queue.js";
import type { DestroyReason } from "../stats.js";
import { unwatchAbort, watchAbort } from "../support/abort-watch.js";
import type { ClockReading } from "../support/clock.js";
import { Counters } from "../support/counters.js";
import { runInOwnContext } from "../support/own-context.js";
import type { Engine } from "./engine.js";
import type { Abandonable, Resource } from "./resource.js";
import { Retry } from "./retry.js";
import { Round } from "./round.js";
import type { Waiter, WaitingRoom } from "./waiter.js";

/** A resource in the making, as far as the record of its key needs to know it. */
export interface Making {
  /** Its generation was ended, so nothing is to be expected of it. */
  readonly retired: boolean;
  /** Resolves when a resource came of it, rejects with what it failed with. */
  over(): Promise<void>;
  /** Resolves when it and what came of it are gone. */
  gone(): Promise<void>;
  retire(reason: DestroyReason): void;
  /** Ends it where it has no time limit of its own. */
  force(): void;
}

/**
 * The record of one key: its limits, its figures, its resources and the calls that wait for them.
 *
 * Invariant, after `Engine.settle`: for each waiter a resource is on its way, or a slot is claimed, or the key is full, or
 * it rests after a failed creation; and nobody waits while a resource could be lent.
 */
export class KeyState<R> implements WaitingRoom<R> {
  readonly engine: Engine<R, KeyState<R>>;
  readonly key: string;
  readonly counters: Counters;
  readonly queue: WaitQueue<R> = new WaitQueue();
  readonly idleList: IdleList<R> = new IdleList();
  /** The resources whose destruction has not begun or not ended. */
  readonly resources: Set<Resource<R>> = new Set();
  readonly creations: Set<Making> = new Set();
  readonly round: Round<R>;
  readonly retry: Retry;
  readonly hasValidate: boolean;
  /** How long a resource may be idle before `validate` is asked; never, where there is no `validate`. */
  readonly validateAfterIdleMs: number;
  limits: Limits;
  /** The key was used or warmed since it was opened or cleared, so its minimum is kept. */
  inUse = false;
  /** What the last creation failed with, until one succeeds. */
  lastCreateError: unknown = undefined;
  /** The number of creations that failed since the last one that succeeded. */
  failuresInRow = 0;

  // The claim to slots, kept by the scheduler.
  claimed = 0;
  claimant: Waiter<R> | undefined = undefined;
  claimIndex = -1;

  readonly #given: GivenLimits;
  #arrivals = 0;

  constructor(engine: Engine<R, KeyState<R>>, key: string, given: GivenLimits) {
    this.engine = engine;
    this.key = key;
    this.#given = given;
    this.limits = engine.limitsOf(given);
    this.hasValidate = engine.options.validate !== undefined;
    this.validateAfterIdleMs = this.hasValidate ? this.limits.validateAfterIdleMs : Number.POSITIVE_INFINITY;
    this.counters = new Counters(engine.counters);
    this.round = new Round(() => engine.maintain(this));
    this.retry = new Retry(engine.background, () => engine.settle(this));
  }

  /** Creations, validations and resets whose resource the waiters can count on. */
  get arrivals(): number {
    return this.#arrivals;
  }

  set arrivals(arrivals: number) {
    this.#arrivals = arrivals;
    this.queue.places = arrivals * this.placesPerResource;
  }

  get placesPerResource(): number {
    return Math.min(this.limits.maxLeasesPerResource, Number.MAX_SAFE_INTEGER);
  }

  /** The number of further resources that the waiters could use now, if there were slots. */
  get wanted(): number {
    const { unserved } = this.queue;
    if (unserved === 0 || this.engine.closed || this.retry.waiting) return 0;
    const needed = Math.ceil(unserved / this.placesPerResource);
    return Math.max(0, Math.min(needed, this.limits.maxPerKey - this.counters.resources));
  }

  /** More resources are to stay than may. */
  get exceedsLimits(): boolean {
    return this.counters.kept > this.limits.maxPerKey || this.engine.exceedsTotal;
  }

  /** Something is left of it, so its record must stay. */
  get isUsed(): boolean {
    return this.counters.resources > 0 || this.queue.size > 0 || this.#keepsMinimum;
  }

  get #keepsMinimum(): boolean {
    return this.inUse && this.limits.minIdlePerKey > 0 && !this.engine.closed;
  }

  /** A newcomer may wait: a resource is or would be on its way for it, or the queue is not full. */
  get admits(): boolean {
    const { maxWaitersPerKey, maxPerKey } = this.limits;
    const { size, places, unserved } = this.queue;
    if (unserved < maxWaitersPerKey || size < places + this.claimed * this.placesPerResource) return true;
    if (this.idleList.leastLoaded !== undefined) return true;
    if (size > 0 && this.retry.waiting) return false;
    return this.counters.resources + this.claimed < maxPerKey && this.engine.canFreeSlot;
  }

  /** The number of further resources that are to become idle, if nobody waits, until `idle` of them are. */
  shortOf(idle: number): number {
    if (this.queue.size > 0) return 0;
    const coming = this.counters.idle + this.#arrivals;
    return Math.max(0, Math.min(idle - coming, this.limits.maxPerKey - this.counters.resources));
  }

  /** Creations fail, and nothing that is alive could serve a waiter. */
  get isDown(): boolean {
    const { creating, destroying, resources } = this.counters;
    return this.failuresInRow >= this.limits.failFastAfter && resources - creating - destroying === 0;
  }

  /** There is reason for a further creation, for the waiters or for the minimum. */
  get needsMore(): boolean {
    return this.queue.unserved > 0 || this.lacksMinimum;
  }

  get lacksMinimum(): boolean {
    return this.#keepsMinimum && this.shortOf(this.limits.minIdlePerKey) > 0;
  }

  /** The limits of the pool have changed. */
  updateLimits(): void {
    this.limits = this.engine.limitsOf(this.#given);
  }

  join(waiter: Waiter<R>): void {
    // Only what the pool starts again by itself has to wait after a failure.
    if (this.queue.size === 0) this.retry.cancel();
    const { acquireLimits, clock } = this.engine;
    acquireLimits.set(waiter, clock.monotonic(waiter.since), waiter.timeoutMs);
    if (waiter.signal !== undefined) watchAbort(waiter.signal, waiter);
    this.queue.add(waiter);
    this.counters.joined();
  }

  /** Takes a waiter out, who is then to be granted or rejected. Returns false where it has left already. */
  leave(waiter: Waiter<R>, now: number): boolean {
    if (!this.queue.remove(waiter)) return false;
    this.engine.acquireLimits.cancel(waiter);
    if (waiter.signal !== undefined) unwatchAbort(waiter.signal, waiter);
    this.counters.left(now - waiter.since);
    return true;
  }

  cancelled(waiter: Waiter<R>, reason: unknown): void {
    this.#giveUp(waiter, "cancelled", reason);
  }

  timedOut(waiter: Waiter<R>): void {
    const { clock, events } = this.engine;
    const counts = this.counters.counts(this.limits.maxPerKey);
    events?.emit({ type: "timedOut", key: this.key, waitMs: clock.now().at - waiter.since });
    this.#giveUp(waiter, "timeouts", new PoolTimeoutError(this.key, waiter.timeoutMs, counts, this.lastCreateError));
  }

  #giveUp(waiter: Waiter<R>, figure: "cancelled" | "timeouts", reason: unknown): void {
    const { engine } = this;
    this.leave(waiter, engine.clock.now().at);
    this.counters.add(figure, 1);
    waiter.reject(reason);
    engine.settle(this);
  }

  /** Begins one lease. Returns since when the resource had been idle; now, where it had not been. */
  lend(resource: Resource<R>, now: ClockReading, waitMs: number): number {
    const { maxUses, maxLeasesPerResource } = this.limits;
    const wasIdle = resource.phase === "idle";
    if (wasIdle) this.takeFromIdle(resource);
    resource.phase = "leased";
    resource.leases += 1;
    resource.uses += 1;
    this.counters.lent(wasIdle, waitMs);
    if (resource.uses >= maxUses) this.retireOnRelease(resource, "uses");
    else if (maxLeasesPerResource > 1) this.idleList.share(resource, resource.leases < maxLeasesPerResource);
    this.engine.events?.emit({ type: "acquired", key: this.key, waitMs });
    return wasIdle ? resource.idleSince : now.at;
  }

  /** Ends one lease of several. */
  returnPlace(resource: Resource<R>): void {
    resource.leases -= 1;
    if (resource.retireReason === undefined) this.idleList.share(resource, true);
  }

  /** Makes a resource idle. Where it was only validated it has been idle since the time before. */
  rest(resource: Resource<R>, now: ClockReading, anew: boolean): void {
    const { engine, limits } = this;
    if (anew) {
      resource.idleSince = now.at;
      resource.idleOrder = engine.nextOrder();
    }
    resource.checkedAt = now.at;
    resource.goodUntil = Math.min(
      resource.expiresAt,
      resource.idleSince + limits.maxIdleMs,
      now.at + this.validateAfterIdleMs,
    );
    if (resource.phase === "new") this.counters.creationArrived();
    else this.counters.becameIdle();
    if (resource.sharedIndex >= 0) this.idleList.share(resource, false);
    resource.phase = "idle";
    this.idleList.add(resource);
    engine.becameIdle(resource);
  }

  takeFromIdle(resource: Resource<R>): void {
    this.idleList.remove(resource);
    this.engine.takenFromIdle(resource);
  }

  beginValidation(resource: Resource<R>, validation: Abandonable): void {
    this.takeFromIdle(resource);
    this.counters.takenFromIdle();
    resource.phase = "validating";
    this.#beginExamination(resource, validation);
  }

  beginReset(resource: Resource<R>, reset: Abandonable): void {
    this.idleList.share(resource, false);
    resource.phase = "resetting";
    this.#beginExamination(resource, reset);
  }

  #beginExamination(resource: Resource<R>, examination: Abandonable): void {
    this.arrivals += 1;
    resource.examination = examination;
  }

  /** A validation or a reset is over, or given up. */
  endExamination(resource: Resource<R>): void {
    this.arrivals -= 1;
    resource.examination = undefined;
  }

  /** The machine has slept: nothing of before is lent unexamined, and what is idle is validated first. */
  distrustIdle(): void {
    for (const resource of this.idleList.idle()) {
      resource.goodUntil = 0;
      if (this.hasValidate) resource.checkedAt = Number.NEGATIVE_INFINITY;
    }
  }

  /** Has a leased resource destroyed when its last lease has ended. */
  retireOnRelease(resource: Resource<R>, reason: DestroyReason): void {
    if (resource.retireReason !== undefined) return;
    resource.retireReason = reason;
    this.counters.willRetire();
    this.idleList.share(resource, false);
  }

  /** Aborts the signals of the leases that a resource has. */
  abortLeases(resource: Resource<R>, cause: unknown): void {
    for (const listener of resource.markLost(cause)) runInOwnContext(() => listener.lost(cause));
  }
}
