import { defineConfig, type ViteUserConfig } from "vitest/config";
import shared from "../../vitest.config.js";

export default defineConfig((environment) => {
  const { test, ...base } = shared(environment);
  return {
    ...base,
    test: {
      ...test,
      globalSetup: ["./test/packed.ts", ...(environment.mode === "long" ? ["./test/nodes.ts"] : [])],
      // They wait for npm more than they compute.
      maxWorkers: 2,
    },
  } satisfies ViteUserConfig;
});
