// Prints the files of dist in which a function is entered during one warm `callTool`, by V8's precise coverage:
//
//   node scripts/call-path.mjs            over stdio and over HTTP
//
// ARCHITECTURE.md draws the path of a call; this counts it.
import { Session } from "node:inspector/promises";
import { fileURLToPath } from "node:url";
import { startChaosServer } from "@minion/chaos";
import { MinionClient } from "../dist/index.js";

const dist = new URL("../dist/", import.meta.url).href;
const chaosCli = fileURLToPath(new URL("cli.js", import.meta.resolve("@minion/chaos")));
const inspector = new Session();
inspector.connect();
await inspector.post("Profiler.enable");
await inspector.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

/** The files entered since the last look. */
async function entered() {
  const { result } = await inspector.post("Profiler.takePreciseCoverage");
  return result
    .filter(({ url }) => url.startsWith(dist))
    .filter(({ functions }) => functions.some(({ ranges }) => ranges.some(({ count }) => count > 0)))
    .map(({ url }) => url.slice(dist.length));
}

const chaos = await startChaosServer();
const servers = {
  stdio: { command: process.execPath, args: [chaosCli, "stdio"] },
  HTTP: { url: chaos.url, type: "http" },
};
const client = new MinionClient({ servers });
try {
  for (const name of Object.keys(servers)) {
    for (let warm = 0; warm < 5; warm += 1) await client.callTool(name, "echo", { text: "warm" });
    await entered();
    await client.callTool(name, "echo", { text: "counted" });
    const files = (await entered()).sort();
    console.log(`${name}: ${files.length} files\n${files.map((file) => `  ${file}`).join("\n")}`);
  }
} finally {
  await client.close();
  await chaos.close();
}
