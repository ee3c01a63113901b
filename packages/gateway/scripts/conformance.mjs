// Runs the server side of the official MCP conformance suite through the gateway, in front of `everything-server.mjs`:
// `pnpm build && node scripts/conformance.mjs [--write] [scenario ...]`; `--write` runs all and writes the table in
// docs/gateway/conformance.md. The suite's runner needs Node 22, which is fetched with it
// into a temporary folder; the gateway and the server run on this Node.
//
// The gateway names a tool after its server. What stands between the suite and the gateway takes that part away from names
// and URIs and puts it there again, and changes nothing else.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const suite = "@modelcontextprotocol/conformance@0.2.0-alpha.12";
const node = `node-${process.platform}-${process.arch}@22`;
const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));

/** What is asked of the gateway, by the revision of the suite and of the server behind. */
const runs = [
  { host: "2025-11-25", server: "2025-11-25" },
  { host: "2025-11-25", server: "2026-07-28" },
  { host: "2026-07-28", server: "2026-07-28" },
];

/** What the gateway leaves out, as its README says, by the revision of the suite. */
const leftOut = {
  "2025-11-25": ["logging-set-level", "tools-call-with-logging", "resources-subscribe", "resources-unsubscribe"],
  "2026-07-28": [],
};

const folder = mkdtempSync(join(tmpdir(), "minion-conformance-"));

/** What came of each run, by the scenario, a cell for each of `runs`. */
const cells = new Map();

async function runAll(chosen) {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  const npm = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", suite, node];
  execFileSync("npm", npm, { cwd: folder, stdio: "inherit" });
  let isGood = true;
  for (const [column, { host, server }] of runs.entries()) {
    console.log(`\n== a host of ${host}, a server of ${server}`);
    const gateway = await startGateway(server);
    const renaming = await startRenaming(gateway.port);
    try {
      for (const scenario of chosen.length > 0 ? chosen : scenariosOf(host))
        isGood = (await runScenario(scenario, { host, url: renaming.url, column })) && isGood;
    } finally {
      renaming.close();
      gateway.process.kill("SIGTERM");
      await once(gateway.process, "exit");
    }
  }
  console.log(isGood ? "\nall passed that the gateway does not leave out" : "\nnot all passed");
  return isGood;
}

const runner = () => join(folder, "node_modules", node.split("@")[0], "bin", "node");
const cli = () => join(folder, "node_modules/@modelcontextprotocol/conformance/dist/index.js");

/** The scenarios that the suite has for servers of a revision. */
function scenariosOf(revision) {
  const { stdout } = spawnSync(runner(), [cli(), "list"], { cwd: folder, encoding: "utf8" });
  const [servers = ""] = stdout.split("Client scenarios");
  return [...servers.matchAll(/^ {2}- (\S+) \[([^\]]*)\]$/gm)].flatMap(([, name = "", revisions = ""]) =>
    revisions.split(",").includes(revision) ? [name] : [],
  );
}

async function runScenario(scenario, { host, url, column }) {
  const args = [cli(), "server", "--url", url, "--scenario", scenario, "--spec-version", host];
  const child = spawn(runner(), args, { cwd: folder, timeout: 120_000 });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text) => {
      said += text;
    });
  const [status] = await once(child, "close");
  const isLeftOut = leftOut[host].includes(scenario);
  const [counts = ""] = /Passed: .*/.exec(said) ?? [];
  const [, good = "0", all = "0"] = /Passed: (\d+)\/(\d+)/.exec(said) ?? [];
  const outcome = status === 0 ? (all === "0" ? "no checks" : "passed") : isLeftOut ? "left out" : "FAILED";
  const row = cells.get(scenario) ?? runs.map(() => "");
  row[column] = `${isLeftOut ? "left out, " : ""}${good} of ${all}`;
  cells.set(scenario, row);
  console.log(`${outcome.padEnd(9)} ${scenario.padEnd(45)} ${counts}`);
  if (outcome === "FAILED") console.log(said);
  return outcome !== "FAILED";
}

async function startGateway(protocol) {
  const config = join(folder, "mcp.json");
  const all = { command: process.execPath, args: [pathOf("everything-server.mjs")], protocol };
  writeFileSync(
    config,
    JSON.stringify({ mcpServers: { all }, gateway: { interactive: ["all"], drain: { delayMs: 0 } } }),
  );
  const child = spawn(process.execPath, [pathOf("../dist/cli.js"), "--config", config, "--port", "0"]);
  for await (const line of createInterface({ input: child.stderr })) {
    const port = /serving MCP at http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
    if (port !== undefined) return { process: child, port: Number(port) };
    console.log(line);
  }
  throw new Error("The gateway ended before it served");
}

async function startRenaming(port) {
  const server = createServer((incoming, answer) => {
    const chunks = [];
    incoming.on("data", (chunk) => chunks.push(chunk));
    incoming.on("end", () => {
      const { method, url, headers } = incoming;
      const name = headers["mcp-name"];
      const renamed = name === undefined ? {} : { "mcp-name": longHeader(name) };
      const body = longNames(Buffer.concat(chunks).toString("utf8"));
      const { "content-length": _, "transfer-encoding": __, ...rest } = headers;
      const outgoing = httpRequest({
        host: "127.0.0.1",
        port,
        path: url,
        method,
        headers: { ...rest, ...renamed, ...(body !== "" && { "content-length": Buffer.byteLength(body) }) },
      });
      outgoing.on("response", (response) => {
        const { "content-length": ___, ...own } = response.headers;
        answer.writeHead(response.statusCode ?? 502, own);
        answer.flushHeaders();
        response.setEncoding("utf8");
        createLines(response, (line) => answer.write(shortNames(line)));
        response.on("end", () => answer.end());
        response.on("error", () => answer.destroy());
      });
      outgoing.on("error", () => answer.destroy());
      answer.on("close", () => outgoing.destroy());
      outgoing.end(body);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}/mcp`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, close };
}

/** Passes text on line by line, so that no name is cut in two. */
function createLines(stream, onText) {
  let rest = "";
  stream.on("data", (text) => {
    const end = (rest + text).lastIndexOf("\n") + 1;
    onText((rest + text).slice(0, end));
    rest = (rest + text).slice(end);
  });
  stream.on("end", () => onText(rest));
}

const longName = (name) => (name.includes("://") ? `all+${name}` : `mcp_all_${name}`);
/** A header may say it in base64. */
const longHeader = (value) => {
  const coded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  if (coded === undefined) return longName(value);
  return `=?base64?${Buffer.from(longName(Buffer.from(coded, "base64").toString())).toString("base64")}?=`;
};
const shortNames = (text) => text.replaceAll("mcp_all_", "").replaceAll("all+test:", "test:");

function longNames(body) {
  let message;
  try {
    message = JSON.parse(body);
  } catch {
    return body;
  }
  const { params } = message;
  for (const named of [params, params?.ref]) {
    if (typeof named?.name === "string") named.name = longName(named.name);
    if (typeof named?.uri === "string") named.uri = longName(named.uri);
  }
  return JSON.stringify(message);
}

/** Writes the table, between its two comments. */
function writeTable() {
  const page = pathOf("../../../docs/gateway/conformance.md");
  const heads = runs.map(({ host, server }) => `host ${host}, server ${server}`);
  const lines = [["scenario", ...heads], heads.concat("").map(() => "---")].concat(
    [...cells].map(([scenario, row]) => [scenario, ...row]),
  );
  const table = lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
  const text = readFileSync(page, "utf8");
  const [begin, end] = ["<!-- written by scripts/conformance.mjs --write -->", "<!-- end -->"];
  writeFileSync(page, `${text.slice(0, text.indexOf(begin))}${begin}\n\n${table}\n\n${end}\n`);
}

try {
  const args = process.argv.slice(2);
  const chosen = args.filter((arg) => arg !== "--write");
  process.exitCode = (await runAll(chosen)) ? 0 : 1;
  if (args.includes("--write") && chosen.length === 0) writeTable();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
