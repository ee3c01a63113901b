// Runs the tests of every package, or of those that `--filter` names: a line for each package when its tests have
// ended, and the whole output of those that fail.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const begin = Date.now();
const reports = ["packages", "apps"]
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, "package.json")))
  .map((folder) => join(folder, "reports", "vitest.json"));
const told = new Set();

/** Tells the packages whose reports have been written since the last look. */
function tell() {
  for (const report of reports) {
    if (told.has(report) || !existsSync(report) || statSync(report).mtimeMs < begin) continue;
    let result;
    try {
      result = JSON.parse(readFileSync(report, "utf8"));
    } catch {
      continue; // It is being written.
    }
    told.add(report);
    const { name } = JSON.parse(readFileSync(join(dirname(dirname(report)), "package.json"), "utf8"));
    const { numPassedTests: passed, numFailedTests: failed } = result;
    const seconds = Math.round((Date.now() - begin) / 1_000);
    console.log(`${name.padEnd(18)} ${passed} passed, ${failed} failed (at ${seconds} s)`);
  }
}

console.log("Building, then testing every package; a line for each when it is done.");
const turbo = fileURLToPath(new URL("turbo.mjs", import.meta.url));
const args = ["run", "test", "--concurrency=2", "--continue", "--output-logs=errors-only", ...process.argv.slice(2)];
const child = spawn(process.execPath, [turbo, ...args], { stdio: "inherit" });
const looking = setInterval(tell, 500);
child.on("exit", (code) => {
  clearInterval(looking);
  tell();
  process.exitCode = code ?? 1;
});
// The terminal sends Ctrl+C to turbo too: wait for its end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
