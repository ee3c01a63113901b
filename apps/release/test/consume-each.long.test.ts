import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import {
  emptyProject,
  firstExample,
  npmInstall,
  ownDependencies,
  type PackageName,
  packages,
  removeFolders,
  root,
  run,
  tarballOf,
} from "./support.js";

const minutes = 60_000;
const projects = new Map<PackageName, string>();
beforeAll(async () => {
  for (const name of packages) {
    const project = await emptyProject(`consume-${name}`);
    const files = [name, ...ownDependencies[name]].map(tarballOf);
    await npmInstall(project, ...files, typesOfNode);
    projects.set(name, project);
  }
}, 10 * minutes);

afterAll(removeFolders);

function projectOf(name: PackageName): string {
  const project = projects.get(name);
  if (project === undefined) throw new Error(`${name} was not installed`);
  return project;
}

/** The names of everything under node_modules, scopes resolved. */
async function installed(project: string): Promise<string[]> {
  const modules = join(project, "node_modules");
  const names = await readdir(modules);
  const nested = await Promise.all(
    names.map(async (name) =>
      name.startsWith("@") ? (await readdir(join(modules, name))).map((inner) => `${name}/${inner}`) : [name],
    ),
  );
  return nested.flat().filter((name) => !name.startsWith("."));
}

/** What the user has installed beside the package, to compile with. */
const typesOfNode = "@types/node@20";

/** What the manifests under node_modules declare, from the package on. */
async function declared(project: string, start: string): Promise<Set<string>> {
  const found = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    const file = join(project, "node_modules", name, "package.json");
    if (found.has(name) || !existsSync(file)) return;
    found.add(name);
    const manifest = JSON.parse(await readFile(file, "utf8"));
    for (const needed of Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })) await visit(needed);
  };
  await visit(start);
  return found;
}

for (const name of packages) {
  test(`@minion/${name} brings its declared dependencies and nothing else`, async () => {
    const project = projectOf(name);
    const own = await declared(project, `@minion/${name}`);
    const beside = await declared(project, "@types/node");
    expect(new Set(await installed(project))).toEqual(new Set([...own, ...beside]));
  });

  test(`@minion/${name} ships code, types, sources, README and licence, and no test`, async () => {
    const files = await readdir(join(projectOf(name), "node_modules", "@minion", name));
    expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist", "package.json", "src"]));
    expect(files).not.toContain("test");
  });

  test(
    `@minion/${name} is imported and required on Node 20, 22 and 24, with the same exports`,
    async () => {
      const project = projectOf(name);
      await writeFile(
        join(project, "esm.mjs"),
        `import * as all from "@minion/${name}"; console.log(Object.keys(all).sort().join());`,
      );
      await writeFile(
        join(project, "cjs.cjs"),
        `console.log(Object.keys(require("@minion/${name}")).filter((name) => name !== "__esModule").sort().join());`,
      );
      const seen = new Set<string>();
      for (const node of inject("nodes")) {
        for (const file of ["esm.mjs", "cjs.cjs"]) seen.add((await run(node, [file], { cwd: project })).stdout.trim());
      }
      expect(seen.size).toBe(1);
      expect([...seen][0]).not.toBe("");
    },
    5 * minutes,
  );

  test(
    `@minion/${name} type-checks with skipLibCheck off under nodenext and bundler, and its first example runs as written`,
    async () => {
      const project = projectOf(name);
      await writeFile(join(project, "example.ts"), await firstExample(name));
      const usesSdk = name === "chaos" || name === "client" || name === "redis" || name === "gateway";
      const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
      const common = {
        strict: true,
        skipLibCheck: false,
        target: "es2022",
        // The types of the MCP SDK name types of the DOM.
        lib: usesSdk ? ["es2023", "dom"] : ["es2023"],
        types: ["node"],
        exactOptionalPropertyTypes: true,
      };
      for (const [module, moduleResolution] of [
        ["node16", "node16"],
        ["nodenext", "nodenext"],
        ["esnext", "bundler"],
      ]) {
        const config = {
          compilerOptions: { ...common, module, moduleResolution, outDir: "out" },
          files: ["example.ts"],
        };
        await writeFile(join(project, "tsconfig.json"), JSON.stringify(config));
        await run(process.execPath, [tsc, "-p", "."], { cwd: project });
      }
      for (const node of inject("nodes")) await run(node, [join("out", "example.js")], { cwd: project });
    },
    5 * minutes,
  );
}
