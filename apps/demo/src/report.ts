import { duration } from "./step.js";
import type { StepResult } from "./tour.js";

/** Tells the person at the terminal; standard output is kept for results. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints the results of the tour on standard output, as a table or as JSON. */
export function printTour(results: readonly StepResult[], asJson: boolean): void {
  const ok = results.every((result) => result.ok);
  if (asJson) {
    process.stdout.write(`${JSON.stringify({ ok, steps: results }, null, 2)}\n`);
    return;
  }
  const width = Math.max(...results.map(({ title }) => title.length));
  const lines = results.map(
    ({ title, says, ok, ms }) =>
      `${ok ? "ok  " : "FAIL"}  ${title.padEnd(width)}  ${duration(ms).padStart(8)}  ${says}`,
  );
  const verdict = ok ? "Every step did what it says." : "Some steps did not do what they say.";
  process.stdout.write(`\n${lines.join("\n")}\n\n${verdict}\n`);
}
