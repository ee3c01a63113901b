import type { SideView } from "./live-state.js";

/** Failures and durations are told of this much of the past. */
const windowMs = 10_000;
/** A side that has so many calls waiting gets no further ones: the load must not become the fault. */
const maxInFlight = 64;

interface Sample {
  readonly at: number;
  readonly ms: number;
  readonly ok: boolean;
}

/** One side of the comparison at one server: makes calls and keeps the figures of the last seconds. */
export class Side {
  readonly #call: () => Promise<unknown>;
  #samples: Sample[] = [];
  #inFlight = 0;

  /** `call` makes one call; a rejection is a failure. */
  constructor(call: () => Promise<unknown>) {
    this.#call = call;
  }

  /** Makes one call, unless too many wait already. Never rejects. */
  async fire(): Promise<void> {
    if (this.#inFlight >= maxInFlight) return;
    this.#inFlight += 1;
    const begin = performance.now();
    const ok = await this.#call().then(
      () => true,
      () => false,
    );
    const at = performance.now();
    this.#inFlight -= 1;
    this.#samples.push({ at, ms: at - begin, ok });
  }

  view(): SideView {
    const now = performance.now();
    this.#samples = this.#samples.filter(({ at }) => now - at < windowMs);
    const sorted = this.#samples.map(({ ms }) => ms).sort((a, b) => a - b);
    const recent = this.#samples.filter(({ at }) => now - at < 1_000);
    return {
      callsPerSecond: recent.filter(({ ok }) => ok).length,
      failuresPerSecond: recent.filter(({ ok }) => !ok).length,
      p50Ms: sorted[Math.floor(sorted.length * 0.5)],
      p95Ms: sorted[Math.floor(sorted.length * 0.95)],
      inFlight: this.#inFlight,
    };
  }
}
