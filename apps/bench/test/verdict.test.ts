import { describe, expect, test } from "vitest";
import type { Findings } from "../src/bench-case.js";
import { judge, type Report, runsToBelieve, shortcomings, undecided } from "../src/report.js";
import type { Bound, Row } from "../src/row.js";

function row(name: string, value: number, bound: Bound | undefined = { atMost: 1 }): Row {
  return { name, unit: "ns", ours: value, peers: [], checks: [{ of: "peer", unit: "x", value, bound }] };
}

function run(...rows: readonly Row[]): Findings {
  return { rows };
}

describe("verdicts", () => {
  test("one run that held is enough", () => {
    expect(judge([run(row("a", 0.9))])[0]).toMatchObject({ verdict: "held", checks: [{ runs: 1, missedRuns: 0 }] });
    expect(undecided([run(row("a", 0.9))])).toBe(false);
  });

  test("a miss asks for another run, up to three in all", () => {
    const missed = run(row("a", 2));
    expect(undecided([missed])).toBe(true);
    expect(undecided([missed, missed])).toBe(true);
    expect(undecided([missed, missed, missed])).toBe(false);
    expect(runsToBelieve).toBe(3);
  });

  test("missed in three runs of three is missed, with the figures of the first", () => {
    const [judged] = judge([run(row("a", 2)), run(row("a", 3)), run(row("a", 4))]);
    expect(judged).toMatchObject({ verdict: "missed", ours: 2, checks: [{ runs: 3, missedRuns: 3, value: 2 }] });
  });

  test("missed in two runs of three is held, with the figures of the run that held and the misses told", () => {
    const runs = [run(row("a", 2)), run(row("a", 3)), run(row("a", 0.5))];
    expect(judge(runs)[0]).toMatchObject({ verdict: "held", ours: 0.5, checks: [{ runs: 3, missedRuns: 2 }] });
    expect(undecided(runs.slice(0, 2))).toBe(true);
  });

  test("each row of a case is judged by itself", () => {
    const runs = [run(row("a", 2), row("b", 0.5)), run(row("a", 0.5), row("b", 2))];
    expect(undecided(runs)).toBe(false);
    expect(judge(runs).map(({ name, verdict, ours }) => [name, verdict, ours])).toEqual([
      ["a", "held", 0.5],
      ["b", "held", 0.5],
    ]);
  });

  test("a row with two bounds is missed where either of them is", () => {
    const both: Row = {
      ...row("a", 0.5),
      checks: [
        { of: "one", unit: "x", value: 0.5, bound: { atMost: 1 } },
        { of: "other", unit: "x", value: 0.5, bound: { atLeast: 1 } },
      ],
    };
    const [judged] = judge([run(both), run(both), run(both)]);
    expect(judged?.checks.map(({ verdict }) => verdict)).toEqual(["held", "missed"]);
    expect(judged?.verdict).toBe("missed");
  });

  test("a figure without a bound has no verdict and asks for no further run", () => {
    const free: Row = { ...row("a", 99), checks: [{ of: "peer", unit: "x", value: 99 }] };
    expect(judge([run(free)])[0]?.verdict).toBe("no bound");
    expect(undecided([run(free)])).toBe(false);
  });

  test("no runs are no rows", () => {
    expect(judge([])).toEqual([]);
  });

  test("what a check fails on: bounds missed and cases that did not run, and nothing else", () => {
    const machine = { date: "", cpu: "", cores: 2, memoryGb: 1, system: "", node: "", versions: {} };
    const report: Report = {
      machine,
      quick: false,
      seconds: 1,
      cases: [
        { id: "good", group: "pool", rows: judge([run(row("a", 0.5))]), growth: [], seconds: 1 },
        { id: "bad", group: "pool", rows: judge([run(row("b", 2))]), growth: [], seconds: 1 },
        { id: "broken", group: "cache", rows: [], growth: [], seconds: 1, failure: "it threw" },
      ],
    };
    expect(shortcomings(report)).toEqual(["bad: b", "broken: it threw"]);
  });
});
