// `pnpm conformance [--quick] [--only TEXT] [--jobs N] [--write]`: every client scenario of the official suite, in each revision that has it.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { impossible } from "./impossible.js";
import { intoDocument, printed } from "./report.js";
import { listRuns, runScenario, suiteVersion } from "./suite.js";

const document = fileURLToPath(new URL("../../../docs/conformance.md", import.meta.url));
const help = `Runs the client scenarios of @modelcontextprotocol/conformance ${suiteVersion} against MinionClient.

  pnpm conformance [--quick] [--only TEXT] [--jobs N] [--write]

  --quick       eight runs, one of each kind, as .ci/run does
  --only TEXT   scenarios whose name contains it; with the suite's output where one fails
  --jobs N      how many run at the same time (default: one for each processor)
  --write       write the table into docs/conformance.md
`;

/** One of each kind: handshake, request of the server, revision 2026-07-28 in its parts, login, another login, proof of possession. */
const quickRuns = new Set([
  "initialize 2025-11-25",
  "elicitation-sep1034-client-defaults 2025-11-25",
  "request-metadata 2026-07-28",
  "http-custom-headers 2026-07-28",
  "sep-2322-client-request-state 2026-07-28",
  "auth/scope-step-up 2026-07-28",
  "auth/authorization-server-migration 2026-07-28",
  "auth/dpop-nonce extension",
]);

function readArguments() {
  try {
    const flag = { type: "boolean", default: false };
    const args = process.argv.slice(process.argv[2] === "--" ? 3 : 2);
    const options = {
      only: { type: "string", default: "" },
      jobs: { type: "string" },
      quick: flag,
      write: flag,
      help: flag,
    };
    const { values } = parseArgs({ args, options });
    const jobs = Number(values.jobs ?? availableParallelism());
    if (!Number.isInteger(jobs) || jobs < 1) throw new Error("--jobs is not a positive whole number.");
    if (values.write && (values.quick || values.only !== ""))
      throw new Error("--write needs every scenario: leave out --only and --quick.");
    return { ...values, jobs };
  } catch (error) {
    process.stderr.write(`${error.message}\nTry --help.\n`);
    process.exit(2);
  }
}

const { only, jobs, quick, write, help: wantsHelp } = readArguments();
if (wantsHelp) process.stdout.write(help);
else process.exitCode = await main();

async function main() {
  const startedAt = performance.now();
  const chosen = ({ scenario, revision }) =>
    scenario.includes(only) && (!quick || quickRuns.has(`${scenario} ${revision}`));
  const runs = (await listRuns()).filter(chosen);
  if (runs.length === 0) {
    process.stderr.write(`The suite has no such scenario whose name contains "${only}".\n`);
    return 2;
  }
  if (quick && only === "" && runs.length < quickRuns.size) {
    process.stderr.write("The suite does not have all the runs of --quick any more.\n");
    return 2;
  }
  const waiting = [...runs.keys()];
  const results = [];
  const work = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      const run = runs[index];
      const result = { ...run, ...(await runScenario(run)) };
      results[index] = { ...result, reason: result.isPassed ? undefined : impossible.get(run.scenario) };
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));

  process.stdout.write(`${printed(results)}\n`);
  const failed = results.filter(({ isPassed, reason }) => !isPassed && reason === undefined);
  for (const { scenario, revision, output } of failed)
    process.stdout.write(`\n== ${scenario} (${revision})\n${output}\n`);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const passed = results.filter(({ isPassed }) => isPassed).length;
  process.stdout.write(
    `\n${passed} of ${results.length} passed, ${failed.length} failed, ${results.length - passed - failed.length} known to be impossible, in ${seconds} s\n`,
  );
  if (write) writeFileSync(document, intoDocument(readFileSync(document, "utf8"), results));
  return failed.length === 0 ? 0 : 1;
}
