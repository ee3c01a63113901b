/** The middle of the values, the mean of the two middle ones where their number is even; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * The median of the ratios round by round. Two figures of one round were taken within moments of each other, so that a
 * machine that is slow for a while slows both and leaves their ratio alone.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length)
    throw new RangeError(`pairedRatio: rounds differ, ${ours.length} against ${theirs.length}`);
  return median(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)));
}

/** The median of the differences round by round. */
export function pairedDifference(ours: readonly number[], theirs: readonly number[]): number {
  if (ours.length !== theirs.length)
    throw new RangeError(`pairedDifference: rounds differ, ${ours.length} against ${theirs.length}`);
  return median(ours.map((value, round) => value - (theirs[round] ?? Number.NaN)));
}

/** How much the dearest point of a growth costs against the cheapest, each point being the median of its rounds. */
export function unevenness(points: readonly (readonly number[])[]): number {
  const medians = points.map(median);
  return Math.max(...medians) / Math.min(...medians);
}

/** The name whose rounds have the lowest median. */
export function fastest(samples: Readonly<Record<string, readonly number[]>>): string {
  const [first] = Object.entries(samples).sort(([, a], [, b]) => median(a) - median(b));
  if (first === undefined) throw new RangeError("fastest: there is nothing to compare");
  return first[0];
}
