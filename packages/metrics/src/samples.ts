import { type FamilyName, families } from "./families.js";
import type { Family, Labels, SeriesValue } from "./registry.js";

/** One value under its labels. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** One histogram: upper bounds, the count of each bucket alone (one more than bounds), the sum of what was observed. */
export interface HistogramSample {
  readonly labels: Labels;
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

function keyOf(labels: Labels): string {
  return JSON.stringify(labels);
}

/** Two histograms as one. They must have the same bounds: buckets cannot be split. A count that is missing is 0. */
export function addHistograms(a: HistogramSample, b: HistogramSample): HistogramSample {
  if (a.bounds.join() !== b.bounds.join()) throw new RangeError("histograms of different bounds cannot be added up");
  return { ...a, counts: a.counts.map((count, index) => count + (b.counts[index] ?? 0)), sum: a.sum + b.sum };
}

/**
 * The values of one scrape, by family. Each series exists once: what two sources say under the same labels is added
 * up, or the greater one stands, as the family says.
 */
export class Samples {
  readonly #values = new Map<FamilyName, Map<string, Sample>>();
  readonly #histograms = new Map<FamilyName, Map<string, HistogramSample>>();

  add(name: FamilyName, labels: Labels, value: number): void {
    const { merge }: Family = families[name];
    const series = entry(this.#values, name);
    const key = keyOf(labels);
    const before = series.get(key)?.value;
    const merged = before === undefined ? value : merge === "max" ? Math.max(before, value) : before + value;
    series.set(key, { labels, value: merged });
  }

  addHistogram(name: FamilyName, histogram: HistogramSample): void {
    const series = entry(this.#histograms, name);
    const key = keyOf(histogram.labels);
    const before = series.get(key);
    series.set(key, before === undefined ? histogram : addHistograms(before, histogram));
  }

  values(name: FamilyName): readonly Sample[] {
    return [...(this.#values.get(name)?.values() ?? [])];
  }

  histograms(name: FamilyName): readonly HistogramSample[] {
    return [...(this.#histograms.get(name)?.values() ?? [])];
  }

  /** The sum over all series of a family. */
  sum(name: FamilyName): number {
    return this.values(name).reduce((sum, { value }) => sum + value, 0);
  }

  /** All lines of a family. */
  series(name: FamilyName): readonly SeriesValue[] {
    return [...this.values(name), ...histogramSeries(name, this.histograms(name))];
  }
}

function entry<K, T>(map: Map<K, Map<string, T>>, key: K): Map<string, T> {
  let inner = map.get(key);
  if (inner === undefined) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}

/** The lines of histograms: cumulative buckets, sum and count. */
export function histogramSeries(name: string, histograms: readonly HistogramSample[]): SeriesValue[] {
  const lines: SeriesValue[] = [];
  for (const { labels, bounds, counts, sum } of histograms) {
    let count = 0;
    for (const [index, inBucket] of counts.entries()) {
      count += inBucket;
      const le = index < bounds.length ? String(bounds[index]) : "+Inf";
      lines.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
    }
    lines.push({ metricName: `${name}_sum`, labels, value: sum });
    lines.push({ metricName: `${name}_count`, labels, value: count });
  }
  return lines;
}
