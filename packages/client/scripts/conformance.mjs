// Runs the official MCP conformance suite against MinionClient: `pnpm build && node scripts/conformance.mjs [scenario ...]`.
// The suite's runner needs Node 22, which is fetched with it into a temporary folder; the client runs on this Node.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MinionClient } from "../dist/index.js";
import { beAuthorizedClient } from "./conformance-auth.js";

const suite = "@modelcontextprotocol/conformance@0.2.0-alpha.12";
const scenarios = ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"];

if (process.env.MCP_CONFORMANCE_SCENARIO === undefined) runSuite(process.argv.slice(2));
else await beClient(process.argv.at(-1));

/** What the suite starts for each scenario: lists the tools of the server at `url` and calls each with made-up arguments. */
async function beClient(url) {
  const { MCP_CONFORMANCE_SCENARIO: scenario = "", MCP_CONFORMANCE_CONTEXT: context = "{}" } = process.env;
  if (scenario.startsWith("auth/")) return beAuthorizedClient(url, scenario, JSON.parse(context));
  const client = new MinionClient({
    servers: { test: { url } },
    capabilities: { elicitation: { form: { applyDefaults: true } } },
    onServerRequest: async () => ({ action: "accept", content: {} }),
  });
  try {
    await client.connect();
    for (const tool of await client.listTools("test").catch(() => [])) {
      const fields = Object.entries(tool.inputSchema.properties ?? {});
      const args = Object.fromEntries(fields.map(([name, { type }]) => [name, type === "string" ? "text" : 5]));
      console.log(JSON.stringify(await client.callTool("test", tool.name, args)));
    }
  } finally {
    await client.close();
  }
}

function runSuite(chosen) {
  const folder = mkdtempSync(join(tmpdir(), "minion-conformance-"));
  try {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
    const node = `node-${process.platform}-${process.arch}@22`;
    const npm = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", suite, node];
    execFileSync("npm", npm, { cwd: folder, stdio: "inherit" });
    const runner = join(folder, "node_modules", node.split("@")[0], "bin", "node");
    const cli = join(folder, "node_modules/@modelcontextprotocol/conformance/dist/index.js");
    const command = `${process.execPath} ${fileURLToPath(import.meta.url)}`;
    let failures = 0;
    for (const scenario of chosen.length > 0 ? chosen : scenarios) {
      console.log(`\n== ${scenario}`);
      const run = spawnSync(runner, [cli, "client", "--command", command, "--scenario", scenario], {
        cwd: folder,
        stdio: "inherit",
      });
      failures += run.status === 0 ? 0 : 1;
    }
    console.log(failures === 0 ? "\nall passed" : `\n${failures} failed`);
    process.exitCode = failures === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
