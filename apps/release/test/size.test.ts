import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";
import { expect, test } from "vitest";
import { packages, root } from "./support.js";

/** Every package: those with an entry of the package's name, and those with entries beneath it only. */
const everyPackage = [...packages, "adapters"] as const;
type Measured = (typeof everyPackage)[number];

/** Bytes, minified and compressed, of what the package itself adds to an application; its dependencies are not counted. */
const budgets: Readonly<Record<Measured, number>> = {
  breaker: 7_000,
  pool: 14_000,
  cache: 8_500,
  metrics: 12_000,
  chaos: 25_500,
  client: 86_500,
  redis: 9_500,
  gateway: 18_700,
  adapters: 7_500,
};

/** How far the figure in the README may be from what is measured. */
const tolerance = 0.05;

async function measure(name: Measured): Promise<number> {
  const home = join(root, "packages", name);
  const manifest = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
  const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
  const entries = Object.values<string | { readonly default: string }>(manifest.exports).flatMap((target) =>
    typeof target === "string" ? [] : [join(home, target.default)],
  );
  const result = await build({
    root: home,
    configFile: false,
    logLevel: "silent",
    build: {
      write: false,
      minify: true,
      lib: { entry: entries, formats: ["es"] },
      rollupOptions: {
        external: (id) => /^node:/.test(id) || dependencies.some((one) => id === one || id.startsWith(`${one}/`)),
      },
    },
  });
  const outputs = Array.isArray(result) ? result : "output" in result ? [result] : [];
  const code = outputs
    .flatMap(({ output }) => output.flatMap((file) => (file.type === "chunk" ? [file.code] : [])))
    .join("");
  return gzipSync(code).length;
}

test("every package of the workspace is measured", async () => {
  expect([...everyPackage].sort()).toEqual((await readdir(join(root, "packages"))).sort());
});

for (const name of everyPackage) {
  test(`@minion/${name} stays under ${budgets[name]} bytes, and the root README says how large it is`, async () => {
    const bytes = await measure(name);
    const measured = `${(bytes / 1_000).toFixed(1)} kB`;
    console.log(`@minion/${name}: ${measured}, minified and gzipped`);
    expect(bytes).toBeGreaterThan(500);
    expect(bytes).toBeLessThanOrEqual(budgets[name]);

    const readme = await readFile(join(root, "README.md"), "utf8");
    const row = readme.split("\n").find((line) => line.startsWith(`| [@minion/${name}]`)) ?? "";
    const said = Number(/\| (\d+\.\d) kB \|/.exec(row)?.[1]) * 1_000;
    const close = Math.abs(said - bytes) <= tolerance * bytes;
    expect(close, `README.md, table of packages: write "${measured}" for @minion/${name} in "${row}"`).toBe(true);
  });
}
