/** Cost against size: what a plot shows. */
export interface Growth {
  /** Names the SVG file. */
  readonly id: string;
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  /** x ascending, both above 0. */
  readonly points: readonly (readonly [x: number, y: number])[];
}
