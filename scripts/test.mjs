// Runs the tests of every package, or of those that `--filter` names: `test.mjs test` what every change must pass, and
// `test.mjs test:long` the files named `*.long.test.ts`, which prove more of the same. Builds first, since turbo knows no
// order of its own but that of what depends on what: then the tests that take longest begin first, two packages at a time.
// Prints a line for each package when its tests have ended, where the others are meanwhile, and the whole output of those
// that fail.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const progressEveryMs = 20_000;
/** Packages whose tests are run at the same time. */
const lanes = 2;
const [task, ...given] = process.argv.slice(2);
/** These take longest, in this order: one that began last would leave the machine idle beside it. */
const longest =
  task === "test:long"
    ? // What release installs keeps the disk busy, beside which the client's processes end late: it comes last.
      ["demo", "@minion/client", "@minion/gateway"]
    : [
        "@minion/client",
        "demo",
        "@minion/gateway",
        "@minion/redis",
        "@minion/adapters",
        "@minion/chaos",
        "@minion/metrics",
      ];
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
    // Only long tests need it.
    isThere:
      task !== "test:long" || ["haproxy", "/usr/sbin/haproxy"].some((name) => spawnSync(name, ["-v"]).status === 0),
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
const flags = given.includes("--") ? given.slice(0, given.indexOf("--")) : given;
const running = new Set();
let isInterrupted = false;

/** Runs turbo and gives its exit code. What it prints is shown at once, or only where it fails. */
function run(args, isShown) {
  return new Promise((resolve) => {
    const all = [turbo, "run", "--output-logs=errors-only", ...args];
    const child = spawn(process.execPath, all, { stdio: isShown ? "inherit" : "pipe" });
    running.add(child);
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => output.push(data));
    child.on("close", (code) => {
      running.delete(child);
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      resolve(code ?? 1);
    });
  });
}

/** What there is to do, as turbo sees it; undefined where it refuses. */
function plan() {
  const { status, stdout } = spawnSync(process.execPath, [turbo, "run", task, "--dry=json", ...given], {
    encoding: "utf8",
    maxBuffer: 268_435_456,
    stdio: ["ignore", "pipe", "inherit"],
  });
  return status === 0 ? JSON.parse(stdout).tasks.filter(({ command }) => command !== "<NONEXISTENT>") : undefined;
}

/** Builds, then runs the tests; those that need not be run again are turbo's to restore, all at once. Gives what failed. */
async function buildAndTest(tasks) {
  const builds = tasks.filter((one) => one.task !== task).map(({ taskId }) => taskId);
  if (builds.length > 0 && (await run([...builds, "--concurrency=2", ...flags], true)) !== 0) return ["the build"];
  const tests = tasks.filter((one) => one.task === task);
  const rank = (one) => (longest.includes(one.package) ? longest.indexOf(one.package) : longest.length);
  const isKnown = ({ cache }) => cache.status === "HIT";
  const known = tests.filter(isKnown);
  const anew = tests.filter((one) => !isKnown(one)).sort((a, b) => rank(a) - rank(b));
  for (const one of packages.filter(({ name }) => known.some((test) => test.package === name))) {
    one.told = true;
    console.log(`${one.name.padEnd(18)} passed before, and nothing has changed since`);
  }
  const queue = [known, ...anew.map((one) => [one])].filter(({ length }) => length > 0);
  // What is forced was built just now; two at a time must not build the same package again.
  const only = flags.includes("--force") ? ["--only"] : [];
  const failed = [];
  const lane = async () => {
    while (queue.length > 0 && !isInterrupted) {
      const next = queue.shift();
      const code = await run([...next.map(({ taskId }) => taskId), ...only, ...given], false);
      if (code !== 0) failed.push(...next.map((one) => one.package));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return failed;
}

// The terminal sends Ctrl+C to turbo too: wait for its end.
process.on("SIGINT", () => {
  isInterrupted = true;
});
process.on("SIGTERM", () => {
  isInterrupted = true;
  for (const child of running) child.kill("SIGTERM");
});

const tasks = plan();
const looking = setInterval(tell, 500);
const progressing = setInterval(tellProgress, progressEveryMs);
const failed = tasks === undefined ? ["turbo"] : await buildAndTest(tasks);
clearInterval(looking);
clearInterval(progressing);
tell();
if (skips)
  for (const { name, tests, debian } of programs.filter(({ isThere }) => !isThere))
    console.log(`${name} is not installed, so some tests were not run: ${tests} (apt-get install ${debian}).`);
if (isInterrupted) failed.push("interrupted");
console.log(failed.length > 0 ? `Failed: ${failed.join(", ")} (at ${seconds()} s)` : `All passed (at ${seconds()} s).`);
process.exitCode = failed.length > 0 ? 1 : 0;
