import { formatBound, formatCheck, formatFigure } from "./format.js";
import type { Growth } from "./growth.js";
import type { CaseReport, JudgedCheck, JudgedRow, Verdict } from "./report.js";

const width = 72;
const height = 12;
const marks = ["o", "x", "+", "*", "#"];

/** One case as lines for the terminal: its rows, then its plots. */
export function showCase(report: CaseReport): string {
  const head = `\n== ${report.id} (${report.seconds} s) ==`;
  if (report.failure !== undefined) return `${head}\nFAILED: ${report.failure}`;
  const rows = report.rows.map(showRow);
  const plots = report.growth.map(showGrowth);
  return [head, ...rows, ...plots].join("\n");
}

function showRow(row: JudgedRow): string {
  const peers = row.peers.map(({ name, value }) => `${name} ${formatFigure(value, row.unit)}`);
  const lines = [
    row.name,
    `    minion ${formatFigure(row.ours, row.unit)}${peers.map((peer) => ` | ${peer}`).join("")}`,
  ];
  for (const check of row.checks) lines.push(`    ${showCheck(check)}`);
  if (row.note !== undefined) lines.push(`    (${row.note})`);
  return lines.join("\n");
}

function showCheck(check: JudgedCheck): string {
  const asked = check.bound === undefined ? "" : `  ${formatBound(check.bound, check.unit)}  ${saying(check)}`;
  return `${formatCheck(check)}${asked}`;
}

/** The verdict in words, with how often it was missed where it was measured more than once. */
export function saying({ verdict, runs, missedRuns }: JudgedCheck): string {
  const words: Record<Verdict, string> = { held: "held", missed: "MISSED", "no bound": "" };
  return runs > 1 ? `${words[verdict]} (missed in ${missedRuns} of ${runs} runs)` : words[verdict];
}

/** A plot in characters, both axes logarithmic. */
export function showGrowth(growth: Growth): string {
  const points = growth.series.flatMap((series) => series.points);
  const x = logScale(points.map(([size]) => size));
  const y = logScale(points.map(([, cost]) => cost));
  const grid = Array.from({ length: height }, () => Array.from({ length: width }, () => " "));
  growth.series.forEach((series, index) => {
    for (const [size, cost] of series.points) {
      const row = grid[height - 1 - Math.round(y.place(cost) * (height - 1))];
      if (row !== undefined) row[Math.round(x.place(size) * (width - 1))] = marks[index % marks.length] ?? "o";
    }
  });
  const label = (value: number): string => value.toPrecision(3).padStart(9);
  const lines = grid.map((cells, line) => {
    const edge = line === 0 ? label(y.max) : line === height - 1 ? label(y.min) : " ".repeat(9);
    return `${edge} |${cells.join("").trimEnd()}`;
  });
  const sizes = [...new Set(points.map(([size]) => size))].sort((a, b) => a - b);
  const legend = growth.series.map(({ name }, index) => `${marks[index % marks.length]} ${name}`).join("   ");
  return [
    `\n  ${growth.title} (${growth.yLabel}, both axes logarithmic)`,
    ...lines,
    `${" ".repeat(10)}+${"-".repeat(width)}`,
    `${" ".repeat(11)}${growth.xLabel}: ${sizes.join(", ")}`,
    `${" ".repeat(11)}${legend}`,
  ].join("\n");
}

/** Where a value lies between the least (0) and the greatest (1) on a logarithmic axis; the axis spans a factor of 2 at least. */
export function logScale(values: readonly number[]): { min: number; max: number; place(value: number): number } {
  const min = Math.min(...values);
  const max = Math.max(Math.max(...values), min * 2);
  return { min, max, place: (value) => Math.log(value / min) / Math.log(max / min) };
}
