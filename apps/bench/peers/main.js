// `pnpm bench:peers [--only TEXT] [--json] [--write]`: every probe for every client, each in a process of its own.
import { fork } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine } from "../dist/machine.js";
import { writeReadme } from "../dist/write-report.js";
import { versionOf } from "./versions.js";

const clientNames = [
  "SDK v1",
  "SDK v2",
  "@ai-sdk/mcp",
  "@openai/agents-core",
  "@langchain/mcp-adapters",
  "mcp-use",
  "minion",
];
const limitMs = 120_000;

const help = `Runs every probe for every client and prints what happened, ours in the last column.

  pnpm bench:peers [--only TEXT] [--json] [--write]

  --only TEXT   probes whose name contains it
  --json        the result as JSON on stdout
  --write       keep it in docs/peers.json and write it into the README of the bench
`;

function readArguments() {
  try {
    const flag = { type: "boolean", default: false };
    const args = process.argv.slice(process.argv[2] === "--" ? 3 : 2);
    return parseArgs({ args, options: { only: { type: "string", default: "" }, json: flag, write: flag, help: flag } })
      .values;
  } catch (error) {
    process.stderr.write(`${error.message}\nTry --help.\n`);
    process.exit(2);
  }
}

/** One probe of one client; what goes wrong there is the cell's text. */
function run(client, probe) {
  const child = fork(fileURLToPath(new URL("run-probe.js", import.meta.url)), [client, probe], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env: {
      ...process.env,
      MCP_USE_ANONYMIZED_TELEMETRY: "false",
      OPENAI_AGENTS_DISABLE_TRACING: "1",
      DO_NOT_TRACK: "1",
    },
  });
  return new Promise((resolve) => {
    let cell = "no result";
    const limit = setTimeout(() => {
      cell = `not done after ${limitMs / 1000} s`;
      child.kill("SIGKILL");
    }, limitMs);
    child.on("message", (message) => {
      cell = message;
    });
    child.on("close", () => {
      clearTimeout(limit);
      resolve(cell);
    });
  });
}

async function row(name, isParallel) {
  const cells = [];
  if (isParallel) cells.push(...(await Promise.all(clientNames.map((client) => run(client, name)))));
  else for (const client of clientNames) cells.push(await run(client, name));
  process.stderr.write(`${name}: ${cells.join(" | ")}\n`);
  return { name, cells };
}

const { only, json, write, help: wantsHelp } = readArguments();
if (wantsHelp) {
  process.stdout.write(help);
} else {
  const { probes, patience, speeds } = await import("./probes.js");
  const chosen = (group) => Object.keys(group).filter((name) => name.includes(only));
  const failures = [];
  for (const name of chosen(probes)) failures.push(await row(name, false));
  for (const name of chosen(patience)) failures.push(await row(name, true));
  const figures = [];
  for (const name of chosen(speeds)) figures.push(await row(name, false));

  const { date, node, cpu, cores } = describeMachine();
  const report = {
    date,
    node,
    cpu,
    cores,
    clients: clientNames.map((name) => `${name} ${versionOf(name)}`.trim()),
    tables: [
      {
        title: "What happens when something fails",
        note: "Counted by the server's own journal. Each client as its documentation shows it; where it has a cache, a restart or a reconnect that is off by default, it is on.",
        rows: failures,
      },
      {
        title: "Speed",
        note: "Servers that cost nothing over stdio; the median of three rounds. All of these clients multiplex calls over one connection, so that throughput tells little: what happens on failure does.",
        rows: figures,
      },
    ],
  };
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  if (write && only === "") {
    await writeFile(new URL("../docs/peers.json", import.meta.url), `${JSON.stringify(report, null, 2)}\n`);
    await writeReadme();
  }
}
