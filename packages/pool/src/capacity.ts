import { Heap } from "./heap.js";
import type { Lane } from "./lane.js";
import type { Resource } from "./resource.js";
import type { Tally } from "./tally.js";
import type { Waiter } from "./waiter.js";
import { goesBefore } from "./waiting-line.js";

/**
 * The limit over all keys: who gets a free slot, and which idle resource makes room where there is none.
 *
 * A key that could use a further resource claims it; claims are ordered by the waiter the resource would be for, so
 * keys that cannot use a slot are never looked at.
 * Invariants: a lane is in the heap exactly while it claims something; `#claimed` is the sum of all claims.
 */
export class Capacity<R> {
  #maxTotal: number;
  readonly #tally: Tally;
  #claimed = 0;
  readonly #claims = new Heap<Lane<R>>(
    (a, b) => a.claimant !== undefined && b.claimant !== undefined && goesBefore(a.claimant, b.claimant),
    (lane, index) => {
      lane.claimIndex = index;
    },
  );
  readonly #idle = new Heap<Resource<R>>(
    (a, b) => a.restOrder < b.restOrder,
    (resource, index) => {
      resource.idleIndex = index;
    },
  );

  constructor(maxTotal: number, tally: Tally) {
    this.#maxTotal = maxTotal;
    this.#tally = tally;
  }

  get maxTotal(): number {
    return this.#maxTotal;
  }

  /** A slot is free and nobody who waits has a claim to it. */
  get spare(): boolean {
    return this.#claims.size === 0 && this.#tally.resources < this.#maxTotal;
  }

  /** No key waits for a slot. */
  get unclaimed(): boolean {
    return this.#claims.size === 0;
  }

  /** More resources are to stay than may. */
  get exceeded(): boolean {
    return this.#tally.kept > this.#maxTotal;
  }

  /** One more claim could be met, if need be by an idle resource that makes room. */
  get attainable(): boolean {
    return this.#tally.leased + this.#tally.creating + this.#claimed < this.#maxTotal;
  }

  /** Somebody who is to be served before `waiter` waits for an idle resource of whatever key to make room. */
  owesBefore(waiter: Waiter<R>): boolean {
    const claimant = this.#claims.peek()?.claimant;
    return claimant !== undefined && this.#lacksRoom && goesBefore(claimant, waiter);
  }

  /** Where there is no limit nothing is evicted, so there is no need to know who rests. */
  rested(resource: Resource<R>): void {
    if (this.#maxTotal !== Number.POSITIVE_INFINITY) this.#idle.push(resource);
  }

  roused(resource: Resource<R>): void {
    if (resource.idleIndex >= 0) this.#idle.remove(resource.idleIndex);
  }

  /** Sets the limit, and has the longest idle go where more stay than may. */
  resize(maxTotal: number, lanes: Iterable<Lane<R>>): void {
    const wasUnlimited = this.#maxTotal === Number.POSITIVE_INFINITY;
    this.#maxTotal = maxTotal;
    if (wasUnlimited) for (const lane of lanes) for (const resource of lane.shelf.idle()) this.rested(resource);
    while (this.exceeded) {
      const longest = this.#idle.peek();
      if (longest === undefined) return;
      longest.destroy("resized");
    }
  }

  /** Takes note of what a lane could use now. */
  claim(lane: Lane<R>): void {
    const { wanted } = lane;
    const claimant = wanted > 0 ? lane.line.firstUnserved : undefined;
    this.#claimed += wanted - lane.claimed;
    lane.claimed = wanted;
    if (claimant === undefined) this.#claims.remove(lane.claimIndex);
    lane.claimant = claimant;
    if (claimant === undefined) return;
    if (lane.claimIndex < 0) this.#claims.push(lane);
    else this.#claims.move(lane.claimIndex);
  }

  /** Gives free slots to the claims in their order, then has idle resources make room for the rest. */
  fill(): void {
    while (this.#tally.resources < this.#maxTotal) {
      const lane = this.#claims.peek();
      if (lane === undefined) return;
      lane.create(lane.claimant);
      this.claim(lane);
    }
    while (this.#lacksRoom) {
      const longest = this.#idle.peek();
      if (longest === undefined) return;
      longest.destroy("evicted");
    }
  }

  /** There are more claims than slots that are free or about to be. */
  get #lacksRoom(): boolean {
    return this.#claimed > 0 && this.#tally.resources - this.#tally.destroying + this.#claimed > this.#maxTotal;
  }
}
