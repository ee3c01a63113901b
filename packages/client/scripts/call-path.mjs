// Prints the files of dist in which a function is entered during one warm `callTool`, by V8's precise coverage:
//
//   node scripts/call-path.mjs            over stdio and over HTTP
//   node scripts/call-path.mjs --check    fails where there are more than docs/decisions/call-path.md allows, or one that
//                                         ARCHITECTURE.md does not name
//
// ARCHITECTURE.md draws the path of a call; this counts it.
import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { fileURLToPath } from "node:url";
import { startChaosServer } from "@minion/chaos";
import { MinionClient } from "../dist/index.js";

const bounds = { stdio: 23, HTTP: 26 };
const isCheck = process.argv.includes("--check");
const drawn = readFileSync(new URL("../../../ARCHITECTURE.md", import.meta.url), "utf8");
const problems = [];
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
    // A timer may fire during a call: what is entered in each of five calls is the path.
    let files;
    for (let counted = 0; counted < 5; counted += 1) {
      await entered();
      await client.callTool(name, "echo", { text: "counted" });
      const now = await entered();
      files = (files ?? now).filter((file) => now.includes(file));
    }
    files.sort();
    const list = isCheck ? "" : `\n${files.map((file) => `  ${file}`).join("\n")}`;
    console.log(`${name}: ${files.length} files, at most ${bounds[name]}${list}`);
    if (files.length > bounds[name]) problems.push(`a warm call over ${name} enters more files than it may`);
    for (const file of files)
      if (!drawn.includes(`\`${file.replace(/\.js$/, ".ts")}\``))
        problems.push(`ARCHITECTURE.md does not name ${file}, which a warm call over ${name} enters`);
  }
} finally {
  await client.close();
  await chaos.close();
}
if (isCheck && problems.length > 0) {
  console.error(problems.join("\n"));
  process.exitCode = 1;
}
