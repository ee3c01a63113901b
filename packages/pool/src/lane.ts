import type { Look } from "./clock.js";
import type { Core } from "./core.js";
import { Creation } from "./creation.js";
import { PoolLease } from "./lease.js";
import type { GivenLimits, Limits } from "./limits.js";
import { Maintenance } from "./maintenance.js";
import type { Resource } from "./resource.js";
import { Retry } from "./retry.js";
import { Shelf } from "./shelf.js";
import type { DestroyReason } from "./stats.js";
import { Tally } from "./tally.js";
import { Validation } from "./validation.js";
import type { Waiter } from "./waiter.js";
import { WaitingLine } from "./waiting-line.js";

/**
 * One key: its resources, those who wait for them, and what is on the way from the ones to the others.
 *
 * Invariant, after `Core.settle`: for each waiter a resource is on its way, or a slot is claimed, or the key is full, or
 * it rests after a failed creation; and nobody waits while a resource could be lent.
 */
export class Lane<R> {
  readonly core: Core<R>;
  readonly key: string;
  readonly tally: Tally;
  readonly line: WaitingLine<R> = new WaitingLine();
  readonly shelf: Shelf<R> = new Shelf();
  /** All that takes a slot and has not begun to go. */
  readonly members: Set<Resource<R> | Creation<R>> = new Set();
  readonly maintenance: Maintenance<R>;
  readonly retry: Retry<R>;
  /** How long a resource may rest before `validate` is asked. */
  readonly unaskedMs: number;
  limits: Limits;
  /** It was used or warmed since it was opened or cleared: the minimum is kept. */
  inUse = false;
  /** What the last creation failed with, until one succeeds. */
  lastCreateError: unknown = undefined;

  // The claim to slots, kept by `Capacity`.
  claimed = 0;
  claimant: Waiter<R> | undefined = undefined;
  claimIndex = -1;

  readonly #given: GivenLimits;
  #arrivals = 0;

  constructor(core: Core<R>, key: string, given: GivenLimits) {
    this.core = core;
    this.key = key;
    this.#given = given;
    this.limits = core.limitsOf(given);
    this.unaskedMs = core.options.validate === undefined ? Number.POSITIVE_INFINITY : this.limits.validateAfterIdleMs;
    this.tally = new Tally(core.tally);
    this.maintenance = new Maintenance(this);
    this.retry = new Retry(this);
  }

  /** Creations and validations whose product those who wait can count on. */
  get arrivals(): number {
    return this.#arrivals;
  }

  set arrivals(arrivals: number) {
    this.#arrivals = arrivals;
    this.line.places = arrivals * this.#places;
  }

  /** Places of one resource. */
  get #places(): number {
    return Math.min(this.limits.maxLeasesPerResource, Number.MAX_SAFE_INTEGER);
  }

  /** Further resources that those who wait could use now, if there are slots. */
  get wanted(): number {
    const { unserved } = this.line;
    if (unserved === 0 || this.core.closed || this.retry.waiting) return 0;
    return Math.max(0, Math.min(Math.ceil(unserved / this.#places), this.limits.maxPerKey - this.tally.resources));
  }

  /** More resources are to stay than may. */
  get exceeded(): boolean {
    return this.tally.kept > this.limits.maxPerKey || this.core.capacity.exceeded;
  }

  /** Something of it is left, so its record must stay. */
  get isUsed(): boolean {
    return this.tally.resources > 0 || this.line.size > 0 || this.#keepsMinimum;
  }

  get #keepsMinimum(): boolean {
    return this.inUse && this.limits.minIdlePerKey > 0 && !this.core.closed;
  }

  /** A newcomer may wait: something is or would be on the way for it, or the line is not full. */
  get admits(): boolean {
    const { maxWaitersPerKey, maxPerKey } = this.limits;
    const { size, places, unserved } = this.line;
    if (unserved < maxWaitersPerKey || size < places + this.claimed * this.#places) return true;
    if (this.shelf.leastLoaded !== undefined) return true;
    if (size > 0 && this.retry.waiting) return false;
    return this.tally.resources + this.claimed < maxPerKey && this.core.capacity.attainable;
  }

  /** A resource that can be lent this instant to one before whom nobody waits. */
  lendable(now: Look): Resource<R> | undefined {
    const top = this.shelf.topIdle;
    if (this.tally.waiting > 0) return undefined;
    return top !== undefined && now.at < top.goodUntil ? top : this.#examined(now);
  }

  #examined(now: Look): Resource<R> | undefined {
    const resource = this.#available(now);
    return resource === undefined || this.#needsValidation(resource, now) ? undefined : resource;
  }

  /** Lends what there is to those who wait, and has the surplus go. */
  serve(): void {
    const now = this.core.clock.look();
    while (this.line.first !== undefined) {
      const waiter = this.line.first;
      const resource = this.#available(now);
      if (resource === undefined || this.#isOwed(resource, waiter)) break;
      if (this.#needsValidation(resource, now)) {
        if (this.line.unserved === 0) break;
        new Validation(resource, true).begin();
      } else {
        this.leave(waiter, now.at);
        waiter.grant(new PoolLease(resource, now, resource.lend(now, now.at - waiter.since), waiter.stack));
      }
    }
    while (this.tally.idle > this.limits.maxIdlePerKey) this.shelf.topIdle?.destroy("surplus");
  }

  join(waiter: Waiter<R>): void {
    // Only what the pool starts again by itself has to wait after a failure.
    if (this.line.size === 0) this.retry.cancel();
    this.line.add(waiter);
    this.tally.joined();
  }

  /** False where the waiter has left already. */
  leave(waiter: Waiter<R>, now: number): boolean {
    if (!this.line.remove(waiter)) return false;
    this.tally.left(now - waiter.since);
    return true;
  }

  create(waiter: Waiter<R> | undefined): Creation<R> {
    const creation = new Creation(this, waiter);
    creation.begin();
    return creation;
  }

  /** How many further resources are to rest, if nobody waits. */
  shortOf(idle: number): number {
    if (this.line.size > 0) return 0;
    const coming = this.tally.idle + this.#arrivals;
    return Math.max(0, Math.min(idle - coming, this.limits.maxPerKey - this.tally.resources));
  }

  /** There is reason for a further creation, be it for those who wait or for the minimum. */
  get needsMore(): boolean {
    return this.line.unserved > 0 || this.lacksMinimum;
  }

  get lacksMinimum(): boolean {
    return this.#keepsMinimum && this.shortOf(this.limits.minIdlePerKey) > 0;
  }

  /** Restores the minimum from slots nobody else wants. */
  topUp(): void {
    if (this.retry.waiting) return;
    while (this.lacksMinimum && this.core.capacity.spare) this.create(undefined);
  }

  resize(): void {
    this.limits = this.core.limitsOf(this.#given);
    while (this.tally.kept > this.limits.maxPerKey || this.tally.idle > this.limits.maxIdlePerKey) {
      if (this.shelf.longestIdle === undefined) break;
      this.shelf.longestIdle.destroy("resized");
    }
  }

  /** Ends a generation: all there is goes as soon as it can. */
  retire(reason: DestroyReason): readonly (Resource<R> | Creation<R>)[] {
    const members = [...this.members];
    this.inUse = false;
    for (const member of members) member.retire(reason);
    return members;
  }

  /** The least loaded resource that can be lent; what must go is told to on the way. */
  #available(now: Look): Resource<R> | undefined {
    for (;;) {
      const resource = this.shelf.leastLoaded;
      if (resource === undefined) return undefined;
      const reason = resource.reasonToGo(now) ?? (this.#lendsTooMany ? "resized" : undefined);
      if (reason === undefined) return resource;
      resource.retire(reason);
    }
  }

  /** The last resource goes on serving until it is free, however many other keys hold. */
  get #lendsTooMany(): boolean {
    const { kept } = this.tally;
    return kept > this.limits.maxPerKey || (kept > 1 && this.core.capacity.exceeded);
  }

  /** Another key's waiter comes first, and this resource can make room for it. */
  #isOwed(resource: Resource<R>, waiter: Waiter<R>): boolean {
    return resource.leases === 0 && !resource.vouched && this.core.capacity.owesBefore(waiter);
  }

  #needsValidation(resource: Resource<R>, now: Look): boolean {
    return resource.leases === 0 && !resource.vouched && now.at - resource.checkedAt >= this.unaskedMs;
  }
}
