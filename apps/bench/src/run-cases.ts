import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Options } from "./arguments.js";
import type { Findings } from "./bench-case.js";
import type { CaseEntry } from "./cases.js";
import { type CaseReport, judge, undecided } from "./report.js";

/** What a case's process sends before it ends. */
export type CaseMessage = { readonly findings: Findings } | { readonly failure: string };

const caseLimitMs = 180_000;

/** Runs the cases one after another, each in a process of its own; a case that fails costs its own rows only. */
export async function runCases(
  cases: readonly CaseEntry[],
  options: Options,
  onCase: (report: CaseReport) => void,
): Promise<readonly CaseReport[]> {
  const reports: CaseReport[] = [];
  for (const entry of cases) {
    const { id, group } = entry;
    const startedAt = performance.now();
    const runs: Findings[] = [];
    let failure: string | undefined;
    do {
      const message = await runCase(entry, options.quick);
      if ("failure" in message) failure = message.failure;
      else runs.push(message.findings);
    } while (failure === undefined && options.check && undecided(runs));
    // A later run that failed takes nothing from what the earlier ones found.
    const lost = runs.length === 0 ? failure : undefined;
    const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
    const report: CaseReport = { id, group, rows: judge(runs), growth: runs[0]?.growth ?? [], seconds, failure: lost };
    reports.push(report);
    onCase(report);
  }
  return reports;
}

function runCase({ id, group }: CaseEntry, quick: boolean): Promise<CaseMessage> {
  const child = fork(fileURLToPath(new URL("./run-case.js", import.meta.url)), [group, id, quick ? "quick" : "full"], {
    execArgv: ["--expose-gc"],
    // A peer listens on one signal for each request, and would fill the terminal with what Node thinks of that.
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
    serialization: "advanced",
    // Peers print what they like: stdout is the report's.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  return new Promise((resolve) => {
    let told: CaseMessage | undefined;
    let complaints = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaints = (complaints + text).slice(-2000);
    });
    const limit = setTimeout(() => {
      told ??= { failure: `not done after ${caseLimitMs / 1000} s` };
      child.kill("SIGKILL");
    }, caseLimitMs);
    child.on("message", (message: CaseMessage) => {
      told = message;
    });
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      resolve(told ?? { failure: `ended with ${signal ?? code} and no result\n${complaints}` });
    });
  });
}
