import type { PoolCounts } from "./errors.js";
import { HistogramRecorder } from "./histogram.js";
import type { DestroyReason, PoolStats } from "./stats.js";

/** Where a resource is in its life, as an index of `Tally`. */
export const Phase = { idle: 0, leased: 1, creating: 2, destroying: 3 } as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

type Figure =
  | "leases"
  | "waiting"
  | "doomed"
  | "acquired"
  | "released"
  | "useMs"
  | "timeouts"
  | "cancelled"
  | "rejected"
  | "created"
  | "createFailures"
  | "createMs"
  | "waits"
  | "waitMs";

/**
 * The figures of one key. Everything is added to the figures of the pool as well, and these outlive the key.
 *
 * Invariant: a resource is counted in exactly one phase from the moment its slot is reserved until the slot is free.
 */
export class Tally {
  readonly #pool: Tally | undefined;
  readonly #resources: [number, number, number, number] = [0, 0, 0, 0];
  readonly #figures: Record<Figure, number> = {
    leases: 0,
    waiting: 0,
    doomed: 0,
    acquired: 0,
    released: 0,
    useMs: 0,
    timeouts: 0,
    cancelled: 0,
    rejected: 0,
    created: 0,
    createFailures: 0,
    createMs: 0,
    waits: 0,
    waitMs: 0,
  };
  readonly #destroyed: Record<DestroyReason, number> = {
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
  readonly #acquireMs = new HistogramRecorder();

  constructor(pool?: Tally) {
    this.#pool = pool;
  }

  in(phase: Phase): number {
    return this.#resources[phase];
  }

  /** Slots taken. */
  get resources(): number {
    const [idle, leased, creating, destroying] = this.#resources;
    return idle + leased + creating + destroying;
  }

  /** Slots of resources that are to stay. */
  get kept(): number {
    return this.resources - this.#resources[Phase.destroying] - this.#figures.doomed;
  }

  entered(phase: Phase): void {
    this.#resources[phase] += 1;
    this.#pool?.entered(phase);
  }

  left(phase: Phase): void {
    this.#resources[phase] -= 1;
    this.#pool?.left(phase);
  }

  moved(from: Phase, to: Phase): void {
    this.#resources[from] -= 1;
    this.#resources[to] += 1;
    this.#pool?.moved(from, to);
  }

  granted(waitMs: number): void {
    this.#figures.acquired += 1;
    this.#figures.leases += 1;
    this.#acquireMs.observe(waitMs);
    this.#pool?.granted(waitMs);
  }

  returned(useMs: number): void {
    this.#figures.released += 1;
    this.#figures.useMs += useMs;
    this.#pool?.returned(useMs);
  }

  destroyed(reason: DestroyReason): void {
    this.#destroyed[reason] += 1;
    this.#pool?.destroyed(reason);
  }

  add(figure: Figure, by: number): void {
    this.#figures[figure] += by;
    this.#pool?.add(figure, by);
  }

  counts(max: number): PoolCounts {
    const [idle, leased, creating, destroying] = this.#resources;
    return { total: this.resources, idle, leased, creating, destroying, waiting: this.#figures.waiting, max };
  }

  snapshot(max: number): PoolStats {
    const { doomed: _, ...figures } = this.#figures;
    return {
      ...this.counts(max),
      ...figures,
      destroyed: { ...this.#destroyed },
      acquireMs: this.#acquireMs.snapshot(),
    };
  }
}
