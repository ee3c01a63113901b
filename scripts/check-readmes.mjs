// Compiles every ```ts block of every README as a module of its own, runs the first one of each package, and resolves every relative link.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const runLimitMs = 20_000;

/** The folders whose README holds code, each a place from which its package can be imported by name. */
const homes = ["packages", "apps"]
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, "package.json")));
const demo = join(root, "apps", "demo");

const documents = [
  ...homes.map((folder) => ({ file: join(folder, "README.md"), home: folder })),
  // The root documents use what an application uses: they are compiled where all packages are installed.
  ...["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].map((name) => ({
    file: join(root, name),
    home: demo,
  })),
  ...readdirSync(join(root, "docs", "decisions")).map((name) => ({
    file: join(root, "docs", "decisions", name),
    home: demo,
  })),
].filter(({ file }) => existsSync(file));

const problems = [];
let compiled = 0;
let executed = 0;
let links = 0;

/** Names a heading as GitHub does for its anchors. */
function anchorOf(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

function anchorsOf(file) {
  const text = readFileSync(file, "utf8").replace(/^```[\s\S]*?^```/gm, "");
  return new Set([...text.matchAll(/^#{1,6}\s+(.+)$/gm)].map(([, heading]) => anchorOf(heading)));
}

function checkLinks(file, text) {
  const prose = text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
  for (const [, target] of prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)) {
    if (/^[a-z]+:/i.test(target)) continue;
    links += 1;
    const [path, anchor] = target.split("#");
    const destination = path === "" ? file : resolve(dirname(file), path);
    if (!existsSync(destination)) problems.push(`${relative(root, file)}: the link ${target} leads nowhere`);
    else if (anchor && destination.endsWith(".md") && !anchorsOf(destination).has(anchor))
      problems.push(`${relative(root, file)}: ${target} names a heading that does not exist`);
  }
}

for (const { file, home } of documents) {
  const text = readFileSync(file, "utf8");
  checkLinks(file, text);
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  if (blocks.length === 0) continue;

  const folder = join(home, "reports", `readme-${relative(root, file).replace(/[^a-z0-9]+/gi, "-")}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [index, code] of blocks.entries())
    writeFileSync(join(folder, `block-${index + 1}.ts`), `${code}\nexport {};\n`);
  const config = {
    extends: relative(folder, join(root, "tsconfig.base.json")),
    compilerOptions: {
      outDir: "out",
      rootDir: ".",
      isolatedDeclarations: false,
      declaration: false,
      declarationMap: false,
    },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const compile = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  compiled += blocks.length;
  if (compile.status !== 0) {
    problems.push(`${relative(root, file)} does not compile:\n${compile.stdout}${compile.stderr}`);
    continue;
  }
  if (!file.endsWith("README.md")) continue;
  const run = spawnSync(process.execPath, [join(folder, "out", "block-1.js")], {
    cwd: folder,
    encoding: "utf8",
    timeout: runLimitMs,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  executed += 1;
  if (run.status !== 0)
    problems.push(
      `${relative(root, file)}: its first example ${run.signal ? `ran over ${runLimitMs} ms` : `exited with ${run.status}`}:\n${run.stdout}${run.stderr}`,
    );
}

console.log(`${documents.length} documents: ${compiled} blocks compiled, ${executed} run, ${links} links followed`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
