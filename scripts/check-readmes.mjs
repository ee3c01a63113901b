// Checks every Markdown file of the repository. What a fence says is what is done with its block:
//
//   ts            compiled as a module of its own, then run; `ts no-run` is only compiled
//   js            parsed, then run; `js no-run` is only parsed
//   json, jsonc   parsed; comments only in jsonc
//   sh            parsed by bash; never run, since it installs, clones or serves
//   text, mermaid not code
//
// Any other fence is an error. Every script that a command of pnpm names, in a block or within a line, has to exist, and
// every relative link and anchor has to lead somewhere.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
const runLimitMs = 20_000;
// Root documents use what an application uses: their code is compiled where all packages are installed.
const application = join(root, "apps", "demo");
const ownCommands = new Set(["install", "add", "pack", "publish"]);

const problems = [];
const counts = {
  ts: 0,
  js: 0,
  json: 0,
  jsonc: 0,
  sh: 0,
  text: 0,
  mermaid: 0,
  run: 0,
  commands: 0,
  links: 0,
  foreign: 0,
};

const folders = ["packages", "apps"]
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, "package.json")));
const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const manifests = new Map(folders.map((folder) => [manifestOf(folder).name, manifestOf(folder)]));

/** The folder of the package that a document belongs to, if it belongs to one. */
const homeOf = (document) => folders.find((folder) => join(root, document).startsWith(join(folder, "/")));

function documents() {
  const list = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"], {
    cwd: root,
    encoding: "utf8",
  });
  if (list.status !== 0) throw new Error(`git cannot list the documents: ${list.stderr}`);
  return list.stdout.split("\0").filter((name) => name !== "" && existsSync(join(root, name)));
}

/** The fenced blocks of a text: their language, whether they are to be run, and the line they begin on. */
function blocksOf(text) {
  return [...text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map(({ 1: fence, 2: code, index }) => {
    const [language, ...marks] = fence.trim().split(/\s+/);
    return { language, marks, code, line: text.slice(0, index).split("\n").length };
  });
}

const withoutBlocks = (text) => text.replace(/^```[\s\S]*?^```$/gm, "");

/** The names of a file's headings, as GitHub makes them; one that comes again is numbered. */
function anchorsOf(file) {
  const anchors = new Set();
  for (const [, heading] of withoutBlocks(readFileSync(file, "utf8")).matchAll(/^#{1,6}\s+(.+)$/gm)) {
    const name = heading
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replace(/\s/g, "-");
    let free = name;
    for (let again = 1; anchors.has(free); again += 1) free = `${name}-${again}`;
    anchors.add(free);
  }
  return anchors;
}

function checkLinks(document, text) {
  const file = join(root, document);
  const prose = withoutBlocks(text).replace(/`[^`\n]*`/g, "");
  const found = [
    ...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g),
    ...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm),
    ...prose.matchAll(/\b(?:src|href)="([^"]+)"/g),
  ];
  for (const [, target] of found) {
    if (/^[a-z]+:/i.test(target)) {
      counts.foreign += 1;
      continue;
    }
    counts.links += 1;
    const [path, anchor] = target.split("#");
    const destination = path === "" ? file : resolve(dirname(file), path);
    if (!existsSync(destination)) problems.push(`${document}: the link ${target} leads nowhere`);
    else if (anchor && !(destination.endsWith(".md") && anchorsOf(destination).has(anchor)))
      problems.push(`${document}: ${target} names a heading that does not exist`);
  }
}

/** Looks up what every `pnpm ...` of a shell text would run, at the root or, in a package's document, in its folder. */
function checkCommands(where, shell, home) {
  for (const [, rest] of shell.matchAll(/\bpnpm((?: +[^\s;&|#`]+)+)/g)) {
    counts.commands += 1;
    const words = rest.trim().split(/ +/);
    let places = [root, ...(home ? [home] : [])].map(manifestOf);
    while (words[0]?.startsWith("-"))
      if (words.shift() === "--filter") places = [manifests.get(words.shift())].filter(Boolean);
    const name = words[0] === "run" ? words[1] : words[0];
    const found =
      name === "exec"
        ? existsSync(join(root, "node_modules", ".bin", words[1] ?? ""))
        : ownCommands.has(name) || places.some(({ scripts }) => Object.hasOwn(scripts ?? {}, name));
    if (places.length === 0 || !found)
      problems.push(`${where}: pnpm${rest} names a package or script that does not exist`);
  }
}

function parseJson(where, code) {
  try {
    JSON.parse(code);
  } catch (error) {
    problems.push(`${where}: ${error.message}`);
  }
}

const withoutComments = (code) =>
  code.replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string) => string ?? "");

function runBlock(where, file) {
  counts.run += 1;
  const run = spawnSync(process.execPath, [file], {
    cwd: dirname(file),
    encoding: "utf8",
    timeout: runLimitMs,
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  const end = run.signal ? `ran over ${runLimitMs} ms` : `exited with ${run.status}`;
  if (run.status !== 0) problems.push(`${where}: the example ${end}:\n${run.stdout}${run.stderr}`);
}

/** Compiles and runs the modules of one document, in a folder from which its package is found by name. */
function checkModules(document, blocks) {
  const folder = join(homeOf(document) ?? application, "reports", `readme-${document.replace(/[^a-z0-9]+/gi, "-")}`);
  const out = join(folder, "out");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const named = blocks.map((block) => ({ ...block, name: `line-${block.line}`, where: `${document}:${block.line}` }));

  const typed = named.filter(({ language }) => language === "ts");
  for (const { name, code } of typed) writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {};\n`);
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
  if (typed.length > 0) {
    const compile = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    if (compile.status !== 0) {
      problems.push(`${document} does not compile:\n${compile.stdout}${compile.stderr}`);
      return;
    }
  }
  for (const { name, code, where } of named.filter(({ language }) => language === "js")) {
    writeFileSync(join(out, `${name}.js`), `${code}\nexport {};\n`);
    const parse = spawnSync(process.execPath, ["--check", join(out, `${name}.js`)], { encoding: "utf8" });
    if (parse.status !== 0) {
      problems.push(`${where} is not JavaScript:\n${parse.stderr}`);
      return;
    }
  }
  for (const { name, marks, where } of named) if (!marks.includes("no-run")) runBlock(where, join(out, `${name}.js`));
}

const checks = {
  ts: () => {},
  js: () => {},
  text: () => {},
  mermaid: () => {},
  json: parseJson,
  jsonc: (where, code) => parseJson(where, withoutComments(code)),
  sh: (where, code, home) => {
    const parse = spawnSync("bash", ["-n"], { input: code, encoding: "utf8" });
    if (parse.status !== 0) problems.push(`${where} is not shell:\n${parse.stderr}`);
    checkCommands(where, code, home);
  },
};

const all = documents();
for (const document of all) {
  const text = readFileSync(join(root, document), "utf8");
  checkLinks(document, text);
  for (const [, span] of withoutBlocks(text).matchAll(/`([^`\n]+)`/g)) checkCommands(document, span, homeOf(document));
  const blocks = blocksOf(text);
  if ([...text.matchAll(/^\s*(?:```|~~~)/gm)].length !== 2 * blocks.length)
    problems.push(`${document}: a fence is indented, is not closed, or is not made of three backticks`);
  for (const { language, marks, code, line } of blocks) {
    const where = `${document}:${line}`;
    const known = Object.hasOwn(checks, language);
    const marked = marks.every((mark) => mark === "no-run" && (language === "ts" || language === "js"));
    if (!known || !marked)
      problems.push(`${where}: "${[language, ...marks].join(" ")}" is no fence that is checked here`);
    else {
      counts[language] += 1;
      checks[language](where, code, homeOf(document));
    }
  }
  const modules = blocks.filter(({ language }) => language === "ts" || language === "js");
  if (modules.length > 0) checkModules(document, modules);
}

console.log(
  `${all.length} documents: ${counts.ts + counts.js} modules (${counts.run} run), ${counts.json + counts.jsonc} JSON, ` +
    `${counts.sh} shell, ${counts.text + counts.mermaid} text; ${counts.commands} commands of pnpm looked up; ` +
    `${counts.links} links followed, ${counts.foreign} to other sites not`,
);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
