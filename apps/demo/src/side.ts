import type { SideView } from "./live-state.js";

/** Failures and durations are told of this much of the past. */
const windowMs = 10_000;
/** A side that has so many calls waiting gets no further ones: the load must not become the fault. */
const maxCalls = 64;

interface Sample {
  readonly at: number;
  readonly ms: number;
  readonly ok: boolean;
}

/** One side of the comparison at one server: makes calls and keeps the figures of the last seconds. */
export class Side {
  readonly #call: () => Promise<unknown>;
  readonly #maxInFlight: number;
  /** When each call that has no answer yet was made. */
  readonly #waiting = new Set<{ readonly begin: number }>();
  #samples: Sample[] = [];
  #lastEnd: "answered" | "failed" | undefined;

  /** `call` makes one call; a rejection is a failure. */
  constructor(call: () => Promise<unknown>, maxInFlight: number = maxCalls) {
    this.#call = call;
    this.#maxInFlight = maxInFlight;
  }

  /** How the call that ended last ended; undefined where none has. */
  get lastEnd(): "answered" | "failed" | undefined {
    return this.#lastEnd;
  }

  /** Makes one call, unless too many wait already. Never rejects. */
  async fire(): Promise<void> {
    if (this.#waiting.size >= this.#maxInFlight) return;
    const call = { begin: performance.now() };
    this.#waiting.add(call);
    const ok = await this.#call().then(
      () => true,
      () => false,
    );
    const at = performance.now();
    this.#waiting.delete(call);
    this.#lastEnd = ok ? "answered" : "failed";
    this.#samples.push({ at, ms: at - call.begin, ok });
  }

  view(): SideView {
    const now = performance.now();
    this.#samples = this.#samples.filter(({ at }) => now - at < windowMs);
    const answered = this.#samples.flatMap(({ ms, ok }) => (ok ? [ms] : [])).sort((a, b) => a - b);
    const recent = this.#samples.filter(({ at }) => now - at < 1_000);
    const [oldest] = this.#waiting;
    return {
      callsPerSecond: recent.filter(({ ok }) => ok).length,
      failuresPerSecond: recent.filter(({ ok }) => !ok).length,
      p50Ms: answered[Math.floor(answered.length * 0.5)],
      p95Ms: answered[Math.floor(answered.length * 0.95)],
      inFlight: this.#waiting.size,
      waitingMs: oldest === undefined ? 0 : now - oldest.begin,
    };
  }
}
