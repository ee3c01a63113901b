// Adds up the vitest reports of all packages, those of `pnpm test` and of `pnpm test:long`, and prints
// `N passed, N failed`; a package with tests and no report of them is an error.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
let passed = 0;
let failed = 0;

/** Whether a package has tests that only `pnpm test:long` runs. */
function hasLongTests(folder) {
  return ["test", "frameworks/test"]
    .map((tests) => join(folder, tests))
    .filter(existsSync)
    .some((tests) => readdirSync(tests, { recursive: true }).some((file) => file.endsWith(".long.test.ts")));
}

function add(folder, task, file) {
  const report = join(folder, "reports", file);
  const where = `${folder.slice(root.length)}, pnpm ${task}`;
  if (!existsSync(report)) {
    console.error(`${where}: no test report at reports/${file}; did its tests run?`);
    failed += 1;
    return;
  }
  const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  // A file that does not even load counts as one failure: it has no tests to count.
  const broken = numFailedTests === 0 && numFailedTestSuites > 0 ? numFailedTestSuites : 0;
  const skipped = numPendingTests + numTodoTests;
  console.error(
    `${where}: ${numPassedTests} passed, ${numFailedTests + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
  );
  passed += numPassedTests;
  failed += numFailedTests + broken;
}

for (const group of ["packages", "apps"]) {
  for (const name of readdirSync(join(root, group))) {
    const folder = join(root, group, name);
    const manifest = join(folder, "package.json");
    if (!existsSync(manifest) || JSON.parse(readFileSync(manifest, "utf8")).scripts?.test === undefined) continue;
    add(folder, "test", "vitest.json");
    if (hasLongTests(folder)) add(folder, "test:long", "vitest-long.json");
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
