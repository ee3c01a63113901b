import type { Group } from "./arguments.js";
import type { Findings } from "./bench-case.js";
import type { Growth } from "./growth.js";
import type { Machine } from "./machine.js";
import { type Check, holds, type Row } from "./row.js";

export type Verdict = "held" | "missed" | "no bound";

/** A check after one to three runs. */
export interface JudgedCheck extends Check {
  readonly verdict: Verdict;
  readonly runs: number;
  readonly missedRuns: number;
}

export interface JudgedRow extends Row {
  readonly checks: readonly JudgedCheck[];
  readonly verdict: Verdict;
}

export interface CaseReport {
  readonly id: string;
  readonly group: Group;
  readonly rows: readonly JudgedRow[];
  readonly growth: readonly Growth[];
  /** All runs together. */
  readonly seconds: number;
  /** Why there are no rows: the case threw, or took too long. */
  readonly failure?: string | undefined;
}

export interface Report {
  readonly machine: Machine;
  readonly quick: boolean;
  readonly seconds: number;
  readonly cases: readonly CaseReport[];
}

/** Runs asked for before a missed bound is believed. */
export const runsToBelieve = 3;

/** Whether another run could change the verdict: some bound was missed in every run so far. */
export function undecided(runs: readonly Findings[]): boolean {
  return runs.length < runsToBelieve && judge(runs).some(({ verdict }) => verdict === "missed");
}

/**
 * Joins the runs of one case. A bound is missed only where it was missed in every one of them; the figures shown are
 * those of the first run in which the row held, of the first one where there is none.
 */
export function judge(runs: readonly Findings[]): readonly JudgedRow[] {
  return (runs[0]?.rows ?? []).map((first) => {
    const attempts = runs.flatMap(({ rows }) => rows.filter(({ name }) => name === first.name));
    const shown = attempts.find((row) => row.checks.every(met)) ?? first;
    const checks = shown.checks.map((check, index): JudgedCheck => {
      const missedRuns = attempts.filter(({ checks }) => {
        const same = checks[index];
        return same !== undefined && !met(same);
      }).length;
      const verdict = check.bound === undefined ? "no bound" : missedRuns === attempts.length ? "missed" : "held";
      return { ...check, verdict, runs: attempts.length, missedRuns };
    });
    return { ...shown, checks, verdict: overall(checks) };
  });
}

function met({ value, bound }: Check): boolean {
  return bound === undefined || holds(value, bound);
}

function overall(checks: readonly JudgedCheck[]): Verdict {
  if (checks.some(({ verdict }) => verdict === "missed")) return "missed";
  return checks.some(({ verdict }) => verdict === "held") ? "held" : "no bound";
}

/** Rows whose bound was missed, and cases that did not run: what `--check` fails on. */
export function shortcomings(report: Report): readonly string[] {
  return report.cases.flatMap(({ id, failure, rows }) => [
    ...(failure === undefined ? [] : [`${id}: ${failure}`]),
    ...rows.filter(({ verdict }) => verdict === "missed").map(({ name }) => `${id}: ${name}`),
  ]);
}
