// Asserts on what `demo --once --json` printed: every step is there, did what it says, and measured something.
import { readFileSync } from "node:fs";

const expected = [
  "discover",
  "call",
  "pool",
  "cache",
  "changed-list",
  "lost-session",
  "crash",
  "breaker",
  "recovery",
  "orphans",
  "metrics",
];
const { ok, steps } = JSON.parse(readFileSync(process.argv[2] ?? 0, "utf8"));
const problems = [];
for (const id of expected) {
  const step = steps.find((candidate) => candidate.id === id);
  if (step === undefined) problems.push(`${id}: the step is missing`);
  else if (!step.ok) problems.push(`${id}: ${step.says}`);
  else if (Object.keys(step.figures).length === 0) problems.push(`${id}: it measured nothing`);
}
if (ok !== true && problems.length === 0) problems.push("the demo says that something failed");
for (const { id, says } of steps) console.log(`${id}: ${says}`);
for (const problem of problems) console.error(`demo: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
