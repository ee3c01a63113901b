// Runs the tests of every package, or of those that `--filter` names: `test.mjs test` what every change must pass, and
// `test.mjs test:long` the files named `*.long.test.ts`, which prove more of the same. Prints a line for each package
// when its tests have ended, where the others are meanwhile, and the whole output of those that fail.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const progressEveryMs = 20_000;
const [task, ...given] = process.argv.slice(2);
const suffix = task === "test:long" ? "-long" : "";
const root = fileURLToPath(new URL("..", import.meta.url));
const begin = Date.now();
const packages = ["packages", "apps"]
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, "package.json")))
  .map((folder) => ({
    name: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name,
    report: join(folder, "reports", `vitest${suffix}.json`),
    progress: join(folder, "reports", `progress${suffix}.json`),
    told: false,
  }));

/** Programs that some tests need, which Node and npm do not bring. */
const programs = [
  {
    name: "Chromium",
    isThere: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].some(existsSync),
    tests: "those of the demo's page, and of packages in a browser",
    debian: "chromium",
  },
  {
    name: "Prometheus",
    isThere: ["promtool", "prometheus"].every((tool) => spawnSync(tool, ["--version"]).status === 0),
    tests: "those of rules, alerts and the dashboard",
    debian: "prometheus",
  },
  {
    name: "Redis",
    isThere: spawnSync("redis-server", ["--version"]).status === 0,
    tests: "those of what replicas share",
    debian: "redis-server",
  },
  {
    name: "haproxy",
    isThere: ["haproxy", "/usr/sbin/haproxy"].some((name) => spawnSync(name, ["-v"]).status === 0),
    tests: "those of the gateway behind a balancer",
    debian: "haproxy",
  },
];

const seconds = () => Math.round((Date.now() - begin) / 1_000);
/** Whether some tests were not run. */
let skips = false;

/** What a file of this run says; undefined while there is none, or while it is being written. */
function read(file) {
  if (!existsSync(file) || statSync(file).mtimeMs < begin) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

/** Tells the packages whose tests have ended since the last look. */
function tell() {
  for (const one of packages) {
    const result = one.told ? undefined : read(one.report);
    if (result === undefined) continue;
    one.told = true;
    if (result.testResults.length === 0) continue; // A package without long tests.
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, startTime, testResults } = result;
    const took = Math.round((Math.max(startTime, ...testResults.map(({ endTime }) => endTime)) - startTime) / 1_000);
    skips ||= skipped > 0;
    const count = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} not run` : ""}`;
    console.log(`${one.name.padEnd(18)} ${count}, in ${took} s (at ${seconds()} s)`);
  }
}

function tellProgress() {
  const running = packages.flatMap((one) => {
    const progress = one.told ? undefined : read(one.progress);
    return progress === undefined ? [] : [`${one.name} ${progress.done} of ${progress.files} files`];
  });
  console.log(`  at ${seconds()} s: ${running.length > 0 ? running.join(", ") : "building"}`);
}

console.log(
  task === "test:long"
    ? "Building, then running the long tests of every package; a line for each when it is done."
    : "Building, then testing every package; a line for each when it is done.",
);
const turbo = join(dirname(fileURLToPath(import.meta.url)), "turbo.mjs");
const args = ["run", task, "--concurrency=2", "--continue", "--output-logs=errors-only", ...given];
const child = spawn(process.execPath, [turbo, ...args], { stdio: "inherit" });
const looking = setInterval(tell, 500);
const progressing = setInterval(tellProgress, progressEveryMs);
child.on("exit", (code) => {
  clearInterval(looking);
  clearInterval(progressing);
  tell();
  if (skips)
    for (const { name, tests, debian } of programs.filter(({ isThere }) => !isThere))
      console.log(`${name} is not installed, so some tests were not run: ${tests} (apt-get install ${debian}).`);
  process.exitCode = code ?? 1;
});
// The terminal sends Ctrl+C to turbo too: wait for its end.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
