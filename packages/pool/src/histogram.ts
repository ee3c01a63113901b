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

/** A histogram that is being filled. */
export class HistogramRecorder {
  readonly #counts: number[] = new Array<number>(bounds.length + 1).fill(0);
  #observed = 0;
  #sum = 0;

  observe(ms: number): void {
    let index = 0;
    while (ms > (bounds[index] ?? Number.POSITIVE_INFINITY)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#observed += 1;
    this.#sum += ms;
  }

  /** `total` observations in all: those not told to `observe` were of 0 ms. */
  snapshot(total: number): Histogram {
    const [first = 0, ...others] = this.#counts;
    return { bounds, counts: [first + total - this.#observed, ...others], sum: this.#sum };
  }
}
