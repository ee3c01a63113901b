import type { PoolCounts } from "../errors.js";
import type { DestroyReason, PoolStats } from "../stats.js";
import { HistogramRecorder } from "./histogram.js";

/** Where a resource is in its life. */
export type Phase = "idle" | "leased" | "creating" | "destroying";

type Counter = "timeouts" | "cancelled" | "rejected" | "created" | "createFailures" | "createMs" | "waits" | "waitMs";

/**
 * The figures of one key. Everything is added to the figures of the pool as well, and these outlive the key.
 *
 * Invariant: a resource is counted in exactly one phase from the moment its slot is reserved until the slot is free.
 */
export class Counters {
  /** Slots taken. */
  resources = 0;
  idle = 0;
  creating = 0;
  destroying = 0;
  /** Slots of resources that are to stay: neither being destroyed, nor as soon as their leases have ended. */
  kept = 0;
  waiting = 0;
  acquired = 0;
  released = 0;
  /** Leases that lost their resource and are not given back yet. */
  lostLeases = 0;
  useMs = 0;
  readonly pool: Counters | undefined;
  /** What is not counted at each lease. */
  readonly rare: RareFigures = new RareFigures();

  constructor(pool?: Counters) {
    this.pool = pool;
  }

  // What follows from the others is not kept, since each lease would have to change it.

  get leased(): number {
    return this.resources - this.idle - this.creating - this.destroying;
  }

  /** Leases that hold a resource. */
  get leases(): number {
    return this.acquired - this.released - this.lostLeases;
  }

  /** A slot is reserved. */
  creationBegan(): void {
    this.resources += 1;
    this.creating += 1;
    this.kept += 1;
    this.pool?.creationBegan();
  }

  /** No resource came of the slot. */
  creationFailed(): void {
    this.resources -= 1;
    this.creating -= 1;
    this.kept -= 1;
    this.pool?.creationFailed();
  }

  creationArrived(): void {
    this.creating -= 1;
    this.idle += 1;
    this.pool?.creationArrived();
  }

  takenFromIdle(): void {
    this.idle -= 1;
    this.pool?.takenFromIdle();
  }

  becameIdle(): void {
    for (let counters: Counters | undefined = this; counters !== undefined; counters = counters.pool)
      counters.idle += 1;
  }

  /** A resource stays only as long as its leases. */
  willRetire(): void {
    this.kept -= 1;
    this.pool?.willRetire();
  }

  destructionBegan(from: Exclude<Phase, "destroying">, wasKept: boolean): void {
    if (from !== "leased") this[from] -= 1;
    this.destroying += 1;
    if (wasKept) this.kept -= 1;
    this.pool?.destructionBegan(from, wasKept);
  }

  /** The slot is free. */
  destructionEnded(reason: DestroyReason): void {
    this.resources -= 1;
    this.destroying -= 1;
    this.rare.destroyed[reason] += 1;
    this.pool?.destructionEnded(reason);
  }

  /** A product that came too late for its slot was created and destroyed all the same. */
  lateProductDestroyed(reason: DestroyReason): void {
    this.rare.counts.created += 1;
    this.rare.destroyed[reason] += 1;
    this.pool?.lateProductDestroyed(reason);
  }

  /** A lease was granted: of a resource that rested, or of one that is lent already. */
  lent(rested: boolean, waitMs: number): void {
    // A loop, since this is the warm path: the key's figures, then the pool's.
    for (let counters: Counters | undefined = this; counters !== undefined; counters = counters.pool) {
      counters.acquired += 1;
      if (rested) counters.idle -= 1;
      if (waitMs > 0) counters.rare.acquireMs.observe(waitMs);
    }
  }

  /** A lease was given back. */
  returned(useMs: number): void {
    for (let counters: Counters | undefined = this; counters !== undefined; counters = counters.pool) {
      counters.released += 1;
      counters.useMs += useMs;
    }
  }

  /** As many leases lost their resource before they were given back. */
  leasesLost(leases: number): void {
    this.lostLeases += leases;
    this.pool?.leasesLost(leases);
  }

  joined(): void {
    this.waiting += 1;
    this.pool?.joined();
  }

  left(waitMs: number): void {
    this.waiting -= 1;
    this.rare.counts.waits += 1;
    this.rare.counts.waitMs += waitMs;
    this.pool?.left(waitMs);
  }

  add(counter: Counter, by: number): void {
    this.rare.counts[counter] += by;
    this.pool?.add(counter, by);
  }

  counts(max: number): PoolCounts {
    const { idle, leased, creating, destroying, waiting } = this;
    return { total: this.resources, idle, leased, creating, destroying, waiting, max };
  }

  snapshot(max: number): PoolStats {
    const { counts, destroyed, acquireMs } = this.rare;
    return {
      ...this.counts(max),
      leases: this.leases,
      acquired: this.acquired,
      released: this.released,
      ...counts,
      useMs: this.useMs,
      destroyed: { ...destroyed },
      acquireMs: acquireMs.snapshot(this.acquired),
    };
  }
}

class RareFigures {
  readonly counts: Record<Counter, number> = {
    timeouts: 0,
    cancelled: 0,
    rejected: 0,
    created: 0,
    createFailures: 0,
    waits: 0,
    waitMs: 0,
    createMs: 0,
  };
  readonly destroyed: Record<DestroyReason, number> = {
    idle: 0,
    surplus: 0,
    lifetime: 0,
    uses: 0,
    invalid: 0,
    died: 0,
    evicted: 0,
    cleared: 0,
    resized: 0,
    discarded: 0,
    closed: 0,
  };
  readonly acquireMs: HistogramRecorder = new HistogramRecorder();
}
