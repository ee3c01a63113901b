import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";
import { type PackageName, root } from "./support.js";

/** Bytes, minified and compressed, of what the package itself adds to an application; its dependencies are not counted. */
const budgets: Readonly<Record<PackageName, number>> = {
  breaker: 5_000,
  pool: 12_500,
  cache: 6_500,
  metrics: 10_500,
  chaos: 15_500,
  client: 34_000,
};

for (const [name, budget] of Object.entries(budgets)) {
  test(`@minion/${name} stays under ${budget} bytes`, async () => {
    const home = join(root, "packages", name);
    const manifest = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
    const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const result = await build({
      root: home,
      configFile: false,
      logLevel: "silent",
      build: {
        write: false,
        minify: true,
        lib: { entry: join(home, "dist", "index.js"), formats: ["es"] },
        rollupOptions: {
          external: (id) => /^node:/.test(id) || dependencies.some((one) => id === one || id.startsWith(`${one}/`)),
        },
      },
    });
    const outputs = Array.isArray(result) ? result : "output" in result ? [result] : [];
    const code = outputs
      .flatMap(({ output }) => output.flatMap((file) => (file.type === "chunk" ? [file.code] : [])))
      .join("");
    const bytes = gzipSync(code).length;
    console.log(`@minion/${name}: ${bytes} bytes, minified and gzipped`);
    expect(bytes).toBeGreaterThan(500);
    expect(bytes).toBeLessThanOrEqual(budget);
  });
}
