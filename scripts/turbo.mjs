// Runs turbo with its telemetry off, on every system alike. `--to-stderr` keeps stdout free for the command that follows.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const args = process.argv.slice(2);
const toStderr = args[0] === "--to-stderr";
const turbo = join(dirname(createRequire(import.meta.url).resolve("turbo/package.json")), "bin", "turbo");

const child = spawn(process.execPath, [turbo, ...(toStderr ? args.slice(1) : args)], {
  stdio: ["inherit", toStderr ? 2 : "inherit", "inherit"],
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" },
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
// The terminal sends Ctrl+C to turbo too: wait for it, so that nothing is left running behind the prompt.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
