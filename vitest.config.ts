import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfigFnObject } from "vitest/config";
import type { Reporter } from "vitest/node";

/** The chaos server in one file: its processes start in half the time. */
const chaos = fileURLToPath(new URL("packages/chaos/bundle/dist/index.js", import.meta.url));
const ordinary = "{test,frameworks/test}/**/*.test.ts";
const long = "{test,frameworks/test}/**/*.long.test.ts";

/** Writes how many of the test files have ended: scripts/test.mjs tells it while they run. */
function progressInto(file: string): Reporter {
  let files = 0;
  let done = 0;
  const write = (): void => writeFileSync(file, JSON.stringify({ files, done }));
  return {
    onTestRunStart: (specifications) => {
      files = specifications.length;
      mkdirSync("reports", { recursive: true });
      write();
    },
    onTestModuleEnd: () => {
      done += 1;
      write();
    },
  };
}

/**
 * Shared by every package: `vitest run --config ../../vitest.config.ts` with the package as the root. A file named
 * `*.long.test.ts` proves more of what an ordinary test proves already: `--mode long` runs those alone.
 */
const shared: ViteUserConfigFnObject = ({ mode }) => {
  const isLong = mode === "long";
  const suffix = isLong ? "-long" : "";
  return {
    root: process.cwd(),
    // `using` is syntax that Node 20 does not have.
    oxc: { target: "node20" },
    resolve: { alias: existsSync(chaos) ? { "@minion/chaos": chaos } : {} },
    test: {
      // What was built is imported as it is, by Node.
      server: { deps: { external: [/\/packages\/\w+\/(dist|bundle)\//] } },
      include: isLong ? [long] : [ordinary],
      exclude: isLong ? [] : [long],
      passWithNoTests: isLong,
      // Most files wait more than they compute: on two cores, too, two of them are run at a time.
      maxWorkers: Math.max(2, availableParallelism() - 1),
      // Tests wait for conditions; the limits are for machines that are slow or busy.
      testTimeout: 30_000,
      hookTimeout: 60_000,
      reporters: [
        "default",
        ["json", { outputFile: `reports/vitest${suffix}.json` }],
        progressInto(`reports/progress${suffix}.json`),
      ],
      // Measured where it decides: a package's script says how much there must be, and CI whether it is looked at.
      coverage: {
        enabled: process.env.CI !== undefined && process.argv.some((arg) => arg.startsWith("--coverage.thresholds")),
        provider: "v8",
        include: ["src/**"],
        reporter: ["text-summary", "json-summary"],
        reportsDirectory: "reports/coverage",
      },
    },
  };
};

export default defineConfig(shared);
