// Adds up the vitest reports of all packages and prints `N passed, N failed`; a package with tests and no report is an error.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
let passed = 0;
let failed = 0;
for (const group of ["packages", "apps"]) {
  for (const name of readdirSync(join(root, group))) {
    const folder = join(root, group, name);
    const manifest = join(folder, "package.json");
    if (!existsSync(manifest) || JSON.parse(readFileSync(manifest, "utf8")).scripts?.test === undefined) continue;
    const report = join(folder, "reports", "vitest.json");
    if (!existsSync(report)) {
      console.error(`${group}/${name}: no test report at reports/vitest.json; did its tests run?`);
      failed += 1;
      continue;
    }
    const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests, numTodoTests } = JSON.parse(
      readFileSync(report, "utf8"),
    );
    // A file that does not even load counts as one failure: it has no tests to count.
    const broken = numFailedTests === 0 && numFailedTestSuites > 0 ? numFailedTestSuites : 0;
    const skipped = numPendingTests + numTodoTests;
    console.error(
      `${group}/${name}: ${numPassedTests} passed, ${numFailedTests + broken} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`,
    );
    passed += numPassedTests;
    failed += numFailedTests + broken;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
