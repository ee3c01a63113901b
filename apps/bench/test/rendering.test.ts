import { describe, expect, test } from "vitest";
import { digits, formatBound, formatFigure } from "../src/format.js";
import type { Growth } from "../src/growth.js";
import { renderReadme } from "../src/readme.js";
import { judge, type Report } from "../src/report.js";
import { drawGrowth } from "../src/svg.js";
import { logScale, showCase, showGrowth } from "../src/terminal.js";

const growth: Growth = {
  id: "sizes",
  title: "Cost <per> size",
  xLabel: "keys",
  yLabel: "ns",
  series: [
    { name: "ours", points: [[10, 100] as const, [100, 100] as const, [1_000, 100] as const] },
    { name: "theirs", points: [[10, 100] as const, [1_000, 10_000] as const] },
  ],
};

const rows = judge([
  {
    rows: [
      {
        name: "warm",
        unit: "ns",
        ours: 120,
        peers: [{ name: "peer", value: 100 }],
        checks: [{ of: "peer", unit: "x", value: 1.2, bound: { atMost: 1.5 } }],
        note: "why it is so",
      },
      {
        name: "cold",
        unit: "per s",
        ours: 2_000_000,
        peers: [{ name: "peer", value: 1_000_000 }],
        checks: [{ of: "peer", unit: "x", value: 2, bound: { atLeast: 3 } }],
      },
    ],
  },
]);

const report: Report = {
  machine: {
    date: "2026-01-02",
    cpu: "a processor",
    cores: 2,
    memoryGb: 8,
    system: "Linux",
    node: "v20.0.0",
    versions: { tarn: "3.1.2" },
  },
  quick: false,
  seconds: 61,
  cases: [{ id: "pool-warm", group: "pool", rows, growth: [growth], seconds: 1 }],
};

describe("rendering", () => {
  test("a figure has three digits and the largest unit that leaves one before the point", () => {
    expect(formatFigure(94.06, "ns")).toBe("94.1 ns");
    expect(formatFigure(1_234, "ns")).toBe("1.23 us");
    expect(formatFigure(1.5, "ms")).toBe("1.50 ms");
    expect(formatFigure(30_000, "ms")).toBe("30 s");
    expect(formatFigure(3_680, "B")).toBe("3.68 KB");
    expect(formatFigure(12_345_678, "per s")).toBe("12,345,678/s");
    expect(formatFigure(0.0362, "x")).toBe("0.036x");
    expect(formatFigure(0.75, "x")).toBe("0.75x");
    expect(formatFigure(Number.NaN, "ns")).toBe("not measured");
  });

  test("digits keeps what is not finite readable", () => {
    expect(digits(Number.POSITIVE_INFINITY)).toBe("Infinity");
    expect(digits(0)).toBe("0");
  });

  test("a bound says its direction", () => {
    expect(formatBound({ atMost: 0.75 }, "x")).toBe("<= 0.75x");
    expect(formatBound({ atLeast: 2_000 }, "x")).toBe(">= 2,000x");
  });

  test("a logarithmic axis puts the least at 0, the greatest at 1 and a flat line on it", () => {
    const scale = logScale([10, 1_000]);
    expect([scale.place(10), scale.place(1_000)]).toEqual([0, 1]);
    expect(scale.place(100)).toBeCloseTo(0.5);
    expect(logScale([5, 5]).place(5)).toBe(0);
  });

  test("a plot in the terminal shows every series and every size", () => {
    const plot = showGrowth(growth);
    for (const word of ["o ours", "x theirs", "keys: 10, 100, 1000", "Cost <per> size"]) expect(plot).toContain(word);
  });

  test("a picture is well formed, with its text escaped", () => {
    const svg = drawGrowth(growth);
    expect(svg).toContain("Cost &lt;per&gt; size");
    expect(svg.match(/<polyline /g)).toHaveLength(2);
    expect(svg.match(/<circle /g)).toHaveLength(5);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test("the terminal shows verdicts, and a case that failed shows why", () => {
    const shown = showCase({ id: "pool-warm", group: "pool", rows, growth: [], seconds: 1 });
    expect(shown).toContain("1.20x peer  <= 1.50x  held");
    expect(shown).toContain("MISSED");
    expect(showCase({ id: "x", group: "pool", rows: [], growth: [], seconds: 1, failure: "it threw" })).toContain(
      "it threw",
    );
  });

  test("the README has the date, the machine, the versions, the tables and the pictures", () => {
    const text = renderReadme(report, undefined);
    for (const part of ["2026-01-02", "a processor", "tarn 3.1.2", "**120 ns**", "docs/sizes.svg", "why it is so"])
      expect(text).toContain(part);
  });

  test("the README says where a peer is better and which bounds do not hold", () => {
    const text = renderReadme(report, undefined);
    expect(text).toContain("warm (1.20x peer)");
    expect(text).toContain("Bounds not held: cold.");
    expect(text).not.toContain("cold (2");
  });

  test("the README shows the other clients where they were run", () => {
    const table = { date: "2026-01-03", note: "What happens.", clients: ["theirs", "ours"] };
    const tables = [
      { title: "Failures", ...table, rows: [{ name: "a probe", cells: ["bad", "good"] }] },
      {
        title: "Logins",
        ...table,
        clients: ["ours"],
        date: "2026-01-04",
        rows: [{ name: "another", cells: ["well"] }],
      },
    ];
    const text = renderReadme(report, { node: "v20", cpu: "x", cores: 2, tables });
    for (const part of ["| | theirs | ours |", "| a probe | bad | good |", "| | ours |", "| another | well |"])
      expect(text).toContain(part);
    for (const date of ["2026-01-03", "2026-01-04"]) expect(text).toContain(`What happens. Measured on ${date}.`);
    expect(renderReadme(report, undefined)).not.toContain("Other MCP clients");
  });
});
