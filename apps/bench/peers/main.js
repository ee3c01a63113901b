// `pnpm bench:peers [--only TEXT] [--json] [--write]`: every probe for every client, each in a process of its own.
import { fork } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
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

  --only TEXT   probes whose name contains it, and tables whose title does
  --json        the result as JSON on stdout
  --write       keep each table that was measured whole in docs/peers.json, and write all of them into the README of the bench
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
function run(client, probe, kind) {
  const child = fork(fileURLToPath(new URL("run-probe.js", import.meta.url)), [client, probe, kind], {
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

async function row(name, { isParallel, names, kind }) {
  const cells = [];
  if (isParallel) cells.push(...(await Promise.all(names.map((client) => run(client, name, kind)))));
  else for (const client of names) cells.push(await run(client, name, kind));
  process.stderr.write(`${name}: ${cells.join(" | ")}\n`);
  return { name, cells };
}

const { only, json, write, help: wantsHelp } = readArguments();
if (wantsHelp) process.stdout.write(help);
else await main();

async function main() {
  const { probes, patience, speeds } = await import("./probes.js");
  const { authProbes } = await import("./auth-probes.js");
  const { authClients } = await import("./auth-clients.js");
  const { gatewayProbes } = await import("./gateway-probes.js");
  const { gateways } = await import("./gateways.js");
  const tables = [
    {
      title: "What happens when something fails",
      note: "Counted by the server's own journal. Each client as its documentation shows it; where it has a cache, a restart or a reconnect that is off by default, it is on.",
      names: clientNames,
      groups: [{ group: probes }, { group: patience, isParallel: true }],
    },
    {
      title: "What becomes of a login",
      note: "Eight calls at once to a server with OAuth, counted by its authorization server: how many are answered, and whether the user is still logged in. With rotation each refresh gives another refresh token, and one that is presented twice ends the login. At first contact each of the eight opens a connection of its own, unless one can be shared before it is there. The clients are those that do the steps of OAuth themselves.",
      names: Object.keys(authClients),
      groups: [{ group: authProbes }],
    },
    {
      title: "Speed",
      note: "Servers that cost nothing over stdio; the median of three rounds. All of these clients multiplex calls over one connection, so that throughput tells little: what happens on failure does.",
      names: clientNames,
      groups: [{ group: speeds }],
    },
    {
      title: "Gateways",
      note: 'Each with the defaults that its documentation shows, in front of servers over stdio that cost nothing, or that write what they do into a journal; "none" is the same server over HTTP. The hosts are clients of SDK v1; a safe call that fails is made once more, as an application does it. Replicas have a server each. Of the two processes beside ours one is the server, the other ends it where the gateway is killed.',
      names: ["none", ...Object.keys(gateways)],
      kind: "gateway",
      groups: [{ group: gatewayProbes }],
    },
  ];
  const { date, node, cpu, cores } = describeMachine();
  const measured = [];
  for (const { title, note, names, kind = "client", groups } of tables) {
    const wanted = groups.flatMap(({ group, isParallel = false }) =>
      Object.keys(group).map((name) => ({ name, isParallel })),
    );
    const chosen = wanted.filter(({ name }) => name.includes(only) || title.includes(only));
    const rows = [];
    for (const { name, isParallel } of chosen) rows.push(await row(name, { isParallel, names, kind }));
    const clients = names.map((name) => `${name} ${versionOf(name)}`.trim());
    if (rows.length > 0) measured.push({ title, date, note, clients, isWhole: rows.length === wanted.length, rows });
  }
  if (json) process.stdout.write(`${JSON.stringify({ node, cpu, cores, tables: measured }, null, 2)}\n`);
  if (!write) return;
  const place = new URL("../docs/peers.json", import.meta.url);
  const kept = JSON.parse(await readFile(place, "utf8").catch(() => '{ "tables": [] }')).tables;
  for (const { title, isWhole } of measured)
    if (!isWhole) process.stderr.write(`"${title}" is not written: not all of its rows were measured.\n`);
  const newest = tables.flatMap(({ title }) => {
    const { isWhole, ...table } = measured.find((one) => one.title === title && one.isWhole) ?? {};
    return isWhole ? [table] : kept.filter((one) => one.title === title);
  });
  await writeFile(place, `${JSON.stringify({ node, cpu, cores, tables: newest }, null, 2)}\n`);
  await writeReadme();
}
