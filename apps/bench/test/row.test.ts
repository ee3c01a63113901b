import { describe, expect, test } from "vitest";
import { compare, holds } from "../src/row.js";

const samples = { minion: [1, 2, 3], quick: [2, 4, 6], slow: [10, 20, 30] };

describe("rows", () => {
  test("a bound includes its limit", () => {
    expect(holds(0.75, { atMost: 0.75 })).toBe(true);
    expect(holds(0.7501, { atMost: 0.75 })).toBe(false);
    expect(holds(1.3, { atLeast: 1.3 })).toBe(true);
    expect(holds(1.29, { atLeast: 1.3 })).toBe(false);
  });

  test("a figure that could not be measured holds no bound", () => {
    expect(holds(Number.NaN, { atMost: 1 })).toBe(false);
    expect(holds(Number.NaN, { atLeast: 1 })).toBe(false);
  });

  test("ours stands apart from the peers, with the ratio to each one asked for", () => {
    const row = compare({ name: "row", unit: "ns", samples, against: { quick: { atMost: 1 }, slow: undefined } });
    expect(row).toMatchObject({
      ours: 2,
      peers: [
        { name: "quick", value: 4 },
        { name: "slow", value: 20 },
      ],
      checks: [
        { of: "quick", unit: "x", value: 0.5, bound: { atMost: 1 } },
        { of: "slow", unit: "x", value: 0.1, bound: undefined },
      ],
    });
  });

  test("the fastest peer is found, and ours is never its own peer", () => {
    const row = compare({ name: "row", unit: "ns", samples, against: { fastest: { atMost: 0.35 } } });
    expect(row.checks).toEqual([{ of: "quick", unit: "x", value: 0.5, bound: { atMost: 0.35 } }]);
  });

  test("a speed-up turns the ratio round and says so", () => {
    const row = compare({ name: "row", unit: "ns", samples, against: { slow: { atLeast: 5 } }, asSpeedup: true });
    expect(row.checks).toEqual([{ of: "faster than slow", unit: "x", value: 10, bound: { atLeast: 5 } }]);
  });

  test("a peer that was not measured is a mistake in the case, not a row", () => {
    expect(() => compare({ name: "row", unit: "ns", samples, against: { absent: undefined } })).toThrow("absent");
    expect(() => compare({ name: "row", unit: "ns", samples: { quick: [1] }, against: {} })).toThrow("ours");
  });
});
