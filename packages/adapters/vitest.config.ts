import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig, type ViteUserConfig } from "vitest/config";
import shared from "../../vitest.config.js";

const frameworks = fileURLToPath(new URL("frameworks/package.json", import.meta.url));
const src = (entry: string): string => fileURLToPath(new URL(`src/${entry}.ts`, import.meta.url));

/**
 * The tests live where the frameworks are installed. The sources under test get the frameworks from there too, not the copies
 * that they were compiled with: an error class that exists twice is not what the framework looks for.
 */
export default defineConfig((environment) =>
  mergeConfig(shared(environment), {
    plugins: [
      {
        name: "one-copy-of-each-framework",
        enforce: "pre",
        async resolveId(source) {
          const entry = /^@minion\/adapters\/(.+)$/.exec(source)?.[1];
          if (entry !== undefined) return src(entry);
          if (!/^(ai|@langchain\/core|@anthropic-ai\/sdk|@openai\/agents)(\/|$)/.test(source)) return undefined;
          return this.resolve(source, frameworks, { skipSelf: true });
        },
      },
    ],
    test: {
      testTimeout: 60_000,
      // The frameworks are loaded once for all files: they take longer to load than the tests take.
      isolate: false,
      fileParallelism: false,
      coverage: { include: ["src/**"] },
    },
  } satisfies ViteUserConfig),
);
