import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import shared from "../../vitest.config.js";

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

export default defineConfig((environment) => {
  const { test, ...base } = shared(environment);
  const isLong = environment.mode === "long";
  return {
    ...base,
    test: {
      ...test,
      globalSetup: [pathOf("./test/packed.ts"), ...(isLong ? [pathOf("./test/nodes.ts")] : [])],
      // They wait for npm more than they compute.
      maxWorkers: 2,
    },
  } satisfies ViteUserConfig;
});
