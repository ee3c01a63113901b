import { expect, test } from "vitest";
import { HistogramRecorder } from "../../src/support/histogram.js";

test("the histogram puts each observation under its bound", () => {
  const recorder = new HistogramRecorder();
  for (const ms of [0.5, 0.6, 1, 30_000, 30_001]) recorder.observe(ms);
  const { counts, sum } = recorder.snapshot(7);
  expect(counts).toEqual([3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  expect(sum).toBeCloseTo(60_003.1);
});
