import type { Look } from "./clock.js";
import { destroyValue } from "./destroy-value.js";
import type { Lane } from "./lane.js";
import type { PoolLease } from "./lease.js";
import type { DestroyReason } from "./stats.js";
import type { Validation } from "./validation.js";

/**
 * One resource and its life: idle, leased and validating in turn, then destroying, then gone.
 *
 * Invariants: it is lent only while no doom is on it; it begins to be destroyed at most once, from any state before;
 * its slot is free exactly when it is gone.
 */
export class Resource<R> {
  readonly lane: Lane<R>;
  readonly value: R;
  readonly createdAt: number;
  readonly expiresAt: number;
  phase: "new" | "idle" | "leased" | "validating" | "destroying" | "gone" = "new";
  leases = 0;
  uses = 0;
  /** Since when it rests, and how many rested before it did. */
  idleSince: number;
  restOrder = 0;
  /** When it was last known to be good. */
  checkedAt: number;
  /** Until when it can be lent without being examined, while it rests. */
  goodUntil = 0;
  /** It has just been created or validated for those who wait. */
  vouched = false;

  // Places in the lists of `Shelf` and `Capacity`.
  above: Resource<R> | undefined = undefined;
  below: Resource<R> | undefined = undefined;
  sharedIndex = -1;
  idleIndex = -1;

  #doom: DestroyReason | undefined;
  #lost: { readonly cause: unknown } | undefined;
  #watchers: Set<PoolLease<R>> | undefined;
  #validation: Validation<R> | undefined;
  #whenGone: (() => void)[] = [];

  constructor(lane: Lane<R>, value: R, now: Look) {
    const { maxLifetimeMs, lifetimeJitter } = lane.limits;
    this.lane = lane;
    this.value = value;
    this.createdAt = now.at;
    this.idleSince = now.at;
    this.checkedAt = now.at;
    this.expiresAt = now.at + maxLifetimeMs * (1 - lifetimeJitter * Math.random());
    lane.members.add(this);
  }

  /** Why it must not be lent any more, if so. */
  reasonToGo(now: Look): DestroyReason | undefined {
    if (this.#doom !== undefined) return this.#doom;
    if (now.at >= this.expiresAt) return "lifetime";
    return this.phase === "idle" && now.at - this.idleSince >= this.lane.limits.maxIdleMs ? "idle" : undefined;
  }

  /** Begins one lease. Returns since when it had rested; now, where it had not. */
  lend(now: Look, waitMs: number): number {
    const { lane } = this;
    const { maxUses, maxLeasesPerResource } = lane.limits;
    const rested = this.phase === "idle";
    if (rested) this.#rouse();
    this.phase = "leased";
    this.leases += 1;
    this.uses += 1;
    lane.tally.lent(rested, waitMs);
    if (this.uses >= maxUses) this.#condemn("uses");
    else if (maxLeasesPerResource > 1) lane.shelf.share(this, this.leases < maxLeasesPerResource);
    lane.core.events?.emit({ type: "acquired", key: lane.key, waitMs });
    return rested ? this.idleSince : now.at;
  }

  /** Ends one lease. Where the resource was taken away before, the lease has been discounted then. */
  giveBack(now: Look, useMs: number): void {
    const { lane } = this;
    lane.tally.returned(useMs);
    lane.core.events?.emit({ type: "released", key: lane.key, useMs });
    if (this.phase !== "leased") lane.tally.bereaved(-1);
    else if (this.leases > 1) this.#giveUpPlace();
    else this.#becomeFree(now);
  }

  #giveUpPlace(): void {
    this.leases -= 1;
    if (this.#doom === undefined) this.lane.shelf.share(this, true);
  }

  #becomeFree(now: Look): void {
    this.leases = 0;
    const reason = this.reasonToGo(now) ?? (this.lane.exceeded ? "resized" : undefined);
    if (reason === undefined) this.rest(now, true);
    else this.destroy(reason);
  }

  /** Lays it back. Where it was only validated it goes on resting since when it did. */
  rest(now: Look, anew: boolean): void {
    const { lane } = this;
    if (anew) {
      this.idleSince = now.at;
      this.restOrder = lane.core.nextOrder();
    }
    this.checkedAt = now.at;
    this.goodUntil = Math.min(this.expiresAt, this.idleSince + lane.limits.maxIdleMs, now.at + lane.unaskedMs);
    if (this.phase === "new") lane.tally.creationArrived();
    else lane.tally.rested();
    if (this.sharedIndex >= 0) lane.shelf.share(this, false);
    this.phase = "idle";
    lane.shelf.rest(this);
    lane.core.capacity.rested(this);
  }

  beginValidation(validation: Validation<R>): void {
    this.#rouse();
    this.lane.tally.roused();
    this.lane.arrivals += 1;
    this.phase = "validating";
    this.#validation = validation;
  }

  /** It broke by itself. */
  died(cause: unknown): void {
    const { core, key } = this.lane;
    this.retire("died");
    this.lose(cause ?? new Error(`Pool: the resource of ${JSON.stringify(key)} died`));
    core.settle(this.lane);
    core.effects.flush();
  }

  /** Has it go: now, or when its last lease has ended. */
  retire(reason: DestroyReason): void {
    if (this.phase === "leased") this.#condemn(reason);
    else this.destroy(reason);
  }

  /** Takes it from whoever holds it. */
  force(reason: DestroyReason, cause: unknown): void {
    this.lose(cause);
    this.destroy(reason);
  }

  /** Aborts the signals of the leases there are. */
  lose(cause: unknown): void {
    if (this.phase !== "leased" || this.#lost !== undefined) return;
    this.#lost = { cause };
    for (const lease of this.#watchers ?? []) this.lane.core.effects.defer(() => lease.abort(cause));
    this.#watchers = undefined;
  }

  /** Has `lease` told when the resource is lost. Returns why it is already, if so. */
  watch(lease: PoolLease<R>): { readonly cause: unknown } | undefined {
    if (this.#lost !== undefined) return this.#lost;
    this.#watchers ??= new Set();
    this.#watchers.add(lease);
    return undefined;
  }

  unwatch(lease: PoolLease<R>): void {
    this.#watchers?.delete(lease);
  }

  destroy(reason: DestroyReason): void {
    const { lane, value } = this;
    if (this.phase === "destroying" || this.phase === "gone") return;
    this.#leave();
    this.phase = "destroying";
    destroyValue(lane.core, lane.limits, value, { key: lane.key, reason }, () => {
      this.phase = "gone";
      lane.tally.destructionEnded(reason);
      lane.members.delete(this);
      for (const resolve of this.#whenGone) resolve();
      lane.core.settle(lane);
      lane.core.effects.flush();
    });
  }

  gone(): Promise<void> {
    return new Promise((resolve) => this.whenGone(resolve));
  }

  whenGone(tell: () => void): void {
    if (this.phase === "gone") tell();
    else this.#whenGone.push(tell);
  }

  #condemn(reason: DestroyReason): void {
    if (this.#doom !== undefined) return;
    this.#doom = reason;
    this.lane.tally.condemned();
    this.lane.shelf.share(this, false);
  }

  #rouse(): void {
    this.lane.shelf.takeIdle(this);
    this.lane.core.capacity.roused(this);
  }

  /** Takes it out of all lists and figures of what lives. */
  #leave(): void {
    const { shelf, tally } = this.lane;
    if (this.phase === "idle") this.#rouse();
    if (this.phase === "validating") this.#validation?.abandon();
    if (this.phase === "leased") {
      shelf.share(this, false);
      tally.bereaved(this.leases);
      this.leases = 0;
    }
    const from = this.phase === "new" ? "creating" : this.phase === "idle" ? "idle" : "leased";
    tally.destructionBegan(from, this.#doom === undefined);
  }
}
