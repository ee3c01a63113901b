import { defineConfig } from "vitest/config";

/** Shared by every package: `vitest run --config ../../vitest.config.ts` with the package as the root. */
export default defineConfig({
  root: process.cwd(),
  // `using` is syntax that Node 20 does not have.
  oxc: { target: "node20" },
  test: {
    include: ["test/**/*.test.ts"],
    // Tests wait for conditions; the limits are for machines that are slow or busy.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: ["default", ["json", { outputFile: "reports/vitest.json" }]],
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary", "json-summary"],
      reportsDirectory: "reports/coverage",
    },
  },
});
