import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import shared from "../../vitest.config.js";

const bundle = fileURLToPath(new URL("bundle/dist/cli.js", import.meta.url));

/** Processes of the server run the program in one file, which starts in half the time; `cli.test.ts` runs the built one. */
const bundled = {
  name: "bundled-program",
  transform: (code: string, id: string): string | undefined =>
    id.endsWith("/src/chaos-command.ts") && existsSync(bundle)
      ? code.replace('"../dist/cli.js"', '"../bundle/dist/cli.js"')
      : undefined,
};

export default defineConfig((environment) => {
  const { test, ...base } = shared(environment);
  return {
    ...base,
    plugins: [bundled],
    // They wait for conditions of servers of their own: no file sees what another one does in its process.
    test: { ...test, testTimeout: 60_000, isolate: false },
  } satisfies ViteUserConfig;
});
