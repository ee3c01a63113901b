import type { Events } from "../events.js";
import type { GivenLimits, Limits } from "../limits.js";
import type { PoolOptions } from "../options.js";
import type { DestroyReason } from "../stats.js";
import type { Clock, ClockReading } from "../support/clock.js";
import type { Counters } from "../support/counters.js";
import type { Deadlines } from "../support/deadlines.js";
import type { Resource } from "./resource.js";

/**
 * What the records and the steps of a resource's life need of the pool they belong to. The scheduler implements it.
 *
 * It is declared at the bottom and handed in, so that nothing here calls upward. `Key` is `KeyState`, which itself needs
 * this interface.
 */
export interface Engine<R, Key> {
  readonly options: PoolOptions<R>;
  readonly clock: Clock;
  readonly events: Events | undefined;
  /** The figures of the whole pool. */
  readonly counters: Counters;
  /** Deadlines of background work, which do not hold the process alive. */
  readonly background: Deadlines;
  /** The deadlines of the calls that wait. */
  readonly acquireLimits: Deadlines;
  readonly closed: boolean;
  /** More resources are to stay than `maxTotal`. */
  readonly exceedsTotal: boolean;
  /** One more slot could be had, if need be from an idle resource that makes room. */
  readonly canFreeSlot: boolean;
  /** A slot is free and no waiter has a claim to it. */
  readonly hasSpareSlot: boolean;

  limitsOf(given: GivenLimits): Limits;
  /** A number higher than all before: the order of waiters, and of idle resources. */
  nextOrder(): number;

  /** Does what a change of the key made possible. To be called after each change. */
  settle(key: Key): void;
  /** Does so for all keys. */
  settleAll(): void;
  /** A lease of the resource has ended. */
  returned(key: Key, resource: Resource<R>, now: ClockReading, heldMs: number): void;
  becameIdle(resource: Resource<R>): void;
  takenFromIdle(resource: Resource<R>): void;
  /** The next round of a key's background work is due. */
  maintain(key: Key): void;
  /** A product came that has no slot any more, and is being destroyed. */
  lateProductCame(): void;
  lateProductGone(reason: DestroyReason): void;
  /** Resolves once the pool is closed and nothing is left of it. */
  whenEmpty(): Promise<void>;
}
