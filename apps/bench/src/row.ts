import { fastest, median, pairedRatio } from "./statistics.js";

/** How a figure is printed. `x` is a ratio, `count` a bare number. */
export type Unit = "ns" | "ms" | "B" | "MB" | "per s" | "x" | "count";

export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** One figure that is judged, or shown, beside a row: a ratio to a peer, or an absolute one. */
export interface Check {
  /** "cockatiel" for a ratio to it; what the figure is otherwise. */
  readonly of: string;
  readonly unit: Unit;
  readonly value: number;
  readonly bound?: Bound | undefined;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
}

export interface Row {
  readonly name: string;
  readonly unit: Unit;
  readonly ours: number;
  readonly peers: readonly Figure[];
  readonly checks: readonly Check[];
  /** What a reader must know to judge the row. */
  readonly note?: string | undefined;
}

/** Figures of each contender round by round, ours under "minion". */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** Whether a figure is within its bound; a figure that could not be measured is not. */
export function holds(value: number, bound: Bound): boolean {
  return "atMost" in bound ? value <= bound.atMost : value >= bound.atLeast;
}

export interface Comparison {
  readonly name: string;
  readonly unit: Unit;
  readonly samples: Samples;
  /** Whose ratio is judged by which bound; `undefined` shows the ratio and asks for nothing. "fastest" is the peer with the lowest median. */
  readonly against: Readonly<Record<string, Bound | undefined>>;
  /** Shows and judges how many times faster ours is instead, theirs divided by ours: for ratios too small to read. */
  readonly asSpeedup?: boolean | undefined;
  readonly note?: string | undefined;
}

/** A row out of interleaved rounds: medians for the figures, medians of the ratios round by round for the checks. */
export function compare({ name, unit, samples, against, asSpeedup = false, note }: Comparison): Row {
  const { minion, ...peers } = samples;
  if (minion === undefined) throw new Error(`${name}: no figures of ours`);
  const checks = Object.entries(against).map(([peer, bound]): Check => {
    const of = peer === "fastest" ? fastest(peers) : peer;
    const theirs = peers[of];
    if (theirs === undefined) throw new Error(`${name}: no figures of ${of}`);
    return asSpeedup
      ? { of: `faster than ${of}`, unit: "x", value: pairedRatio(theirs, minion), bound }
      : { of, unit: "x", value: pairedRatio(minion, theirs), bound };
  });
  return {
    name,
    unit,
    ours: median(minion),
    peers: Object.entries(peers).map(([peer, values]) => ({ name: peer, value: median(values) })),
    checks,
    note,
  };
}
