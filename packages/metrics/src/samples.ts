import { type FamilyName, families } from "./families.js";
import type { LabelSet } from "./label-set.js";
import { type Family, type SeriesValue, seriesValue } from "./registry.js";

/** One histogram: upper bounds, the count of each bucket alone (one more than bounds), the sum of what was observed. */
export interface HistogramSample {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Whether two histograms have the same bounds: only then can they be added up, since buckets cannot be split. */
export function sameBounds(a: HistogramSample, b: HistogramSample): boolean {
  return a.bounds === b.bounds || a.bounds.join() === b.bounds.join();
}

/** Two histograms as one. Throws RangeError unless they have the same bounds. A count that is missing is 0. */
export function addHistograms(a: HistogramSample, b: HistogramSample): HistogramSample {
  if (!sameBounds(a, b)) throw new RangeError("histograms of different bounds cannot be added up");
  return { ...a, counts: a.counts.map((count, index) => count + (b.counts[index] ?? 0)), sum: a.sum + b.sum };
}

/**
 * The values of one scrape, by family. Each series exists once: what two sources say under the same labels is added
 * up, or the greater one stands, as the family says.
 */
export class Samples {
  readonly #values = new Map<FamilyName, Map<LabelSet, number>>();
  readonly #histograms = new Map<FamilyName, Map<LabelSet, HistogramSample>>();

  add(name: FamilyName, labels: LabelSet, value: number): void {
    const series = entry(this.#values, name);
    const before = series.get(labels);
    series.set(labels, before === undefined ? value : merged(families[name], before, value));
  }

  addHistogram(name: FamilyName, labels: LabelSet, histogram: HistogramSample): void {
    const series = entry(this.#histograms, name);
    const before = series.get(labels);
    series.set(labels, before === undefined ? histogram : addHistograms(before, histogram));
  }

  values(name: FamilyName): ReadonlyMap<LabelSet, number> {
    return this.#values.get(name) ?? new Map();
  }

  histograms(name: FamilyName): ReadonlyMap<LabelSet, HistogramSample> {
    return this.#histograms.get(name) ?? new Map();
  }

  /** One value; 0 where there is none. */
  value(name: FamilyName, labels: LabelSet): number {
    return this.#values.get(name)?.get(labels) ?? 0;
  }

  /** The sum over all series of a family. */
  sum(name: FamilyName): number {
    let sum = 0;
    for (const value of this.values(name).values()) sum += value;
    return sum;
  }
}

function merged({ merge }: Family, before: number, value: number): number {
  return merge === "max" ? Math.max(before, value) : before + value;
}

function entry<K, T>(map: Map<K, Map<LabelSet, T>>, key: K): Map<LabelSet, T> {
  let inner = map.get(key);
  if (inner === undefined) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}

/** The lines of single values. */
export function valueSeries(values: Iterable<readonly [LabelSet, number]>): SeriesValue[] {
  const lines: SeriesValue[] = [];
  for (const [{ labels }, value] of values) lines.push(seriesValue(labels, value));
  return lines;
}

/** The lines of histograms: cumulative buckets, sum and count. */
export function histogramSeries(
  name: string,
  histograms: Iterable<readonly [LabelSet, HistogramSample]>,
): SeriesValue[] {
  const [bucketName, sumName, countName] = [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  const lines: SeriesValue[] = [];
  for (const [set, { bounds, counts, sum }] of histograms) {
    let count = 0;
    for (const [index, inBucket] of counts.entries()) {
      count += inBucket;
      const le = index < bounds.length ? String(bounds[index]) : "+Inf";
      lines.push(seriesValue(set.with("le", le).labels, count, bucketName));
    }
    lines.push(seriesValue(set.labels, sum, sumName));
    lines.push(seriesValue(set.labels, count, countName));
  }
  return lines;
}
