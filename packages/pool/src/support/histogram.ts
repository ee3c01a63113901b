/** Upper bounds in milliseconds: fine where a pool usually is, up to the default deadline. */
const bounds: readonly number[] = Object.freeze([
  0.5, 1, 5, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000,
]);

/** How often something took how long: `counts[i]` observations were above `bounds[i - 1]` and at most `bounds[i]` ms. */
export interface Histogram {
  /** Upper bounds in milliseconds, rising. */
  readonly bounds: readonly number[];
  /** One more than `bounds`: each bucket by itself, the last one for what was above all bounds. */
  readonly counts: readonly number[];
  /** Sum of all observations in milliseconds. */
  readonly sum: number;
}

interface Bucket {
  readonly bound: number;
  count: number;
}

/** A histogram that is being filled. */
export class HistogramRecorder {
  /** One more than bounds. Made with the first observation, since most keys never have one. */
  #buckets: readonly Bucket[] | undefined;
  #observed = 0;
  #sum = 0;

  observe(ms: number): void {
    this.#buckets ??= emptyBuckets();
    for (const bucket of this.#buckets) {
      if (ms > bucket.bound) continue;
      bucket.count += 1;
      break;
    }
    this.#observed += 1;
    this.#sum += ms;
  }

  /** `total` observations in all: those not told to `observe` were of 0 ms. */
  snapshot(total: number): Histogram {
    const atOnce = total - this.#observed;
    const counts = (this.#buckets ?? emptyBuckets()).map(({ count }, index) => (index === 0 ? count + atOnce : count));
    return { bounds, counts, sum: this.#sum };
  }
}

function emptyBuckets(): Bucket[] {
  return [...bounds, Number.POSITIVE_INFINITY].map((bound) => ({ bound, count: 0 }));
}
