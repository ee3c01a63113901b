import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fastest, median, pairedDifference, pairedRatio, unevenness } from "../src/statistics.js";

describe("statistics", () => {
  test("the median is the middle value, whatever the order", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([5])).toBe(5);
  });

  test("the median of an even number is the mean of the two in the middle", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test("the median of nothing is not a number", () => {
    expect(median([])).toBeNaN();
  });

  test("the median sorts by number and leaves its argument alone", () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  test("at most half of the values lie on either side of the median", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
        expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });

  test("a round in which the machine was slow for both changes no ratio", () => {
    expect(pairedRatio([1, 100, 1], [2, 200, 2])).toBe(0.5);
  });

  test("one round in which only one of them was disturbed does not decide", () => {
    expect(pairedRatio([1, 50, 1], [2, 2, 2])).toBe(0.5);
  });

  test("rounds that do not pair are an error", () => {
    expect(() => pairedRatio([1], [1, 2])).toThrow(RangeError);
    expect(() => pairedDifference([1, 2], [1])).toThrow(RangeError);
  });

  test("a difference is paired as a ratio is", () => {
    expect(pairedDifference([12, 112, 13], [10, 110, 10])).toBe(2);
  });

  test("unevenness sets the dearest size against the cheapest one, wherever they lie", () => {
    expect(unevenness([[2], [1], [4], [3]])).toBe(4);
    expect(unevenness([[1, 1, 9], [1.2]])).toBe(1.2);
  });

  test("the fastest is the one with the lowest median, not the one with the lowest figure", () => {
    expect(fastest({ spiky: [1, 9, 9], steady: [5, 5, 5] })).toBe("steady");
    expect(() => fastest({})).toThrow(RangeError);
  });
});
