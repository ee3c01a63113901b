import { help, parseArguments } from "./arguments.js";
import { casesOf } from "./cases.js";
import { describeMachine } from "./machine.js";
import { type Report, shortcomings } from "./report.js";
import { runCases } from "./run-cases.js";
import { showCase } from "./terminal.js";
import { writeReport } from "./write-report.js";

const parsed = parseArguments(process.argv.slice(2));

if (parsed.kind === "help") {
  process.stdout.write(help);
} else if (parsed.kind === "error") {
  process.stderr.write(`${parsed.message}\nTry --help.\n`);
  process.exitCode = 2;
} else {
  const { options } = parsed;
  const cases = await casesOf(options.only);
  const startedAt = performance.now();
  const reports = await runCases(cases, options, (report) => {
    (options.json ? process.stderr : process.stdout).write(`${showCase(report)}\n`);
  });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const report: Report = { machine: describeMachine(), quick: options.quick, seconds, cases: reports };

  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (options.write) await writeReport(report);

  const missed = shortcomings(report);
  const { cpu, cores, node, date } = report.machine;
  process.stderr.write(`\n${date}, ${cpu}, ${cores} cores, node ${node}: ${cases.length} cases in ${seconds} s\n`);
  process.stderr.write(missed.length === 0 ? "every bound held\n" : `bounds missed:\n  ${missed.join("\n  ")}\n`);
  if (options.check && missed.length > 0) process.exitCode = 1;
}
