import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emptyProject, firstExample, packAll, packages, removeFolders, root, run } from "./support.js";

const minutes = 60_000;
let project = "";

/** One project that has every package; `consume-each.long.test.ts` installs each alone, and uses it on every Node. */
beforeAll(async () => {
  const tarballs = Object.values(await packAll());
  project = await emptyProject("consume");
  const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
  await run("npm", ["install", ...flags, ...tarballs, "@types/node@20"], { cwd: project });
}, 10 * minutes);

afterAll(removeFolders);

test("X1: every package ships code, types, sources, README and licence, and no test", async () => {
  for (const name of packages) {
    const home = join(project, "node_modules", "@minion", name);
    const files = await readdir(home);
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist", "package.json", "src"]));
    expect(files).not.toContain("test");
    const manifest = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
    for (const file of [manifest.main, manifest.types])
      expect((await readFile(join(home, file), "utf8")).length, `${name}: ${file}`).toBeGreaterThan(0);
    expect(await readFile(join(home, "LICENSE"), "utf8")).toBe(await readFile(join(root, "LICENSE"), "utf8"));
  }
});

test("every package is imported and required, with the same exports", { timeout: minutes }, async () => {
  await writeFile(
    join(project, "load.mjs"),
    `import { createRequire } from "node:module";
     const require = createRequire(import.meta.url);
     const names = (all) => Object.keys(all).filter((name) => name !== "__esModule").sort().join();
     for (const name of ${JSON.stringify(packages)}) {
       const imported = names(await import("@minion/" + name));
       if (imported === "" || imported !== names(require("@minion/" + name))) throw new Error(name + ": " + imported);
     }
     console.log("the same");`,
  );
  expect((await run(process.execPath, ["load.mjs"], { cwd: project })).stdout.trim()).toBe("the same");
});

// The long tests compile each alone, under node16 too.
test("X1: every README's first example compiles under nodenext and bundler, and runs as written", {
  timeout: 5 * minutes,
}, async () => {
  for (const name of packages) await writeFile(join(project, `${name}.ts`), await firstExample(name));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const common = {
    strict: true,
    skipLibCheck: false,
    target: "es2022",
    // The types of the MCP SDK name types of the DOM.
    lib: ["es2023", "dom"],
    types: ["node"],
    exactOptionalPropertyTypes: true,
    outDir: "out",
  };
  for (const [module, moduleResolution] of [
    ["esnext", "bundler"],
    ["nodenext", "nodenext"],
  ]) {
    const compilerOptions = { ...common, module, moduleResolution };
    const files = packages.map((name) => `${name}.ts`);
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    await run(process.execPath, [tsc, "-p", "."], { cwd: project });
  }
  for (const name of packages) await run(process.execPath, [join("out", `${name}.js`)], { cwd: project });
});
