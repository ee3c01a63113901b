import type { DestroyReason } from "../stats.js";
import type { ClockReading } from "../support/clock.js";
import type { LeakWatch } from "./leak-watch.js";

/** A lease that wants to be told when its resource is lost. */
export interface LossListener {
  lost(cause: unknown): void;
}

/** A call of foreign code about one resource that is under way and can be given up. */
export interface Abandonable {
  abandon(): void;
}

/**
 * The record of one resource: idle, leased, resetting and validating in turn, then destroying, then gone.
 *
 * Invariants: it is lent only while it has no `retireReason`; its destruction begins at most once, from any phase before;
 * its slot is free exactly when it is gone.
 */
export class Resource<R> {
  readonly key: string;
  readonly value: R;
  readonly createdAt: number;
  readonly expiresAt: number;
  phase: "new" | "idle" | "leased" | "validating" | "resetting" | "destroying" | "gone" = "new";
  leases = 0;
  uses = 0;
  /** The instant since which it has been idle. */
  idleSince: number;
  /** A number that rises with each resource of the pool that becomes idle. */
  idleOrder = 0;
  /** The instant at which it was last known to be good. */
  checkedAt: number;
  /** While it is idle: the instant until which it can be lent without being examined. */
  goodUntil = 0;
  /** It was created or validated for a waiter in this very step, so it needs no validation and goes to a waiter of its key. */
  isFresh = false;
  /** The reason for which it is destroyed as soon as its last lease has ended. */
  retireReason: DestroyReason | undefined = undefined;
  /** The validation or the reset that is under way. */
  examination: Abandonable | undefined = undefined;
  /** The leases that are watched for leaks. */
  leakWatches: Set<LeakWatch> | undefined = undefined;

  // Its places in `IdleList` and in the scheduler's order of eviction.
  newer: Resource<R> | undefined = undefined;
  older: Resource<R> | undefined = undefined;
  sharedIndex = -1;
  evictionIndex = -1;

  #loss: { readonly cause: unknown } | undefined;
  #listeners: Set<LossListener> | undefined;
  #whenGone: (() => void)[] = [];

  constructor(key: string, value: R, now: ClockReading, lifetimeMs: number) {
    this.key = key;
    this.value = value;
    this.createdAt = now.at;
    this.idleSince = now.at;
    this.checkedAt = now.at;
    this.expiresAt = now.at + lifetimeMs;
  }

  /** The reason for which it must not be lent any more, if there is one. */
  reasonToGo(now: ClockReading, maxIdleMs: number): DestroyReason | undefined {
    if (this.retireReason !== undefined) return this.retireReason;
    if (now.at >= this.expiresAt) return "lifetime";
    return this.phase === "idle" && now.at - this.idleSince >= maxIdleMs ? "idle" : undefined;
  }

  /** Has `listener` told when the resource is lost. Returns why it is lost already, if it is. */
  listen(listener: LossListener): { readonly cause: unknown } | undefined {
    if (this.#loss !== undefined) return this.#loss;
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
    return undefined;
  }

  unlisten(listener: LossListener): void {
    this.#listeners?.delete(listener);
  }

  /** Marks it as lost to those who hold it, once, and returns the listeners to be told. */
  markLost(cause: unknown): Iterable<LossListener> {
    if (this.phase !== "leased" || this.#loss !== undefined) return [];
    this.#loss = { cause };
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    return listeners;
  }

  markGone(): void {
    this.phase = "gone";
    for (const tell of this.#whenGone) tell();
  }

  /** Resolves when it is destroyed and its slot is free. */
  gone(): Promise<void> {
    return new Promise((resolve) => this.whenGone(resolve));
  }

  whenGone(tell: () => void): void {
    if (this.phase === "gone") tell();
    else this.#whenGone.push(tell);
  }
}
