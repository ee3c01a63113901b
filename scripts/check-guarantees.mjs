// Checks that documents and code agree about the guarantees: every code that a test's title carries is defined in
// docs/guarantees.md, every file and test that ARCHITECTURE.md names exists, and so does the file in which a fault of the chaos
// server is carried out.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (file) => readFileSync(join(root, file), "utf8");
const problems = [];

const defined = new Set([...read("docs/guarantees.md").matchAll(/^- \*\*([A-Z]\d+)\*\*: /gm)].map(([, code]) => code));
const list = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", "*.test.ts"], {
  cwd: root,
  encoding: "utf8",
});
if (list.status !== 0) throw new Error(`git cannot list the tests: ${list.stderr}`);
const tests = list.stdout.split("\n").filter((file) => file !== "" && existsSync(join(root, file)));

// A title begins with its codes: "B1: ...", "P2, P3: ...", "M4 and M9: ...".
const titleStart = /\b(?:test|it|describe)\b[^"'`\n]{0,200}["'`]((?:[A-Z]\d+(?:, | and )?)+): /g;
let titles = 0;
for (const file of tests)
  for (const [, codes] of read(file).matchAll(titleStart)) {
    titles += 1;
    for (const [code] of codes.matchAll(/[A-Z]\d+/g))
      if (!defined.has(code))
        problems.push(`${file}: a title carries ${code}, which docs/guarantees.md does not define`);
  }
if (titles === 0) problems.push("no test title with a code was found: the check itself is broken");

/** Paths between backticks that look like files of this repository; a short one is a file of the client. */
let files = 0;
for (const [, path] of read("ARCHITECTURE.md").matchAll(/`([\w-]+(?:\/[\w.-]+)*\.(?:ts|mjs))`/g)) {
  files += 1;
  if (path.startsWith("src/")) continue; // A file that every package has.
  const isWhole = /^(?:packages|apps|scripts)\//.test(path);
  if (!existsSync(join(root, isWhole ? path : `packages/client/src/${path}`)))
    problems.push(`ARCHITECTURE.md names ${path}, which does not exist`);
}

/** Each fault of the chaos server says which file carries it out; that file has to know its name. */
const chaos = "packages/chaos/src";
const [, faultList = ""] = /interface Faults \{([\s\S]*?)\n\}/.exec(read(`${chaos}/faults.ts`)) ?? [];
let faults = 0;
for (const [, file, fault] of faultList.matchAll(/In `([\w/-]+\.ts)`[^*]*\*\/\n {2}readonly (\w+):/g)) {
  faults += 1;
  if (!existsSync(join(root, chaos, file))) problems.push(`faults.ts: ${fault} is in ${file}, which does not exist`);
  else if (!new RegExp(`\\b${fault}\\b`).test(read(`${chaos}/${file}`)))
    problems.push(`faults.ts: ${file} does not know ${fault}, which it is to carry out`);
}
const declared = faultList.match(/^ {2}readonly \w+:/gm)?.length;
if (faults !== declared) problems.push(`faults.ts: ${faults} of ${declared} faults say which file carries them out`);

if (problems.length > 0) {
  console.error(problems.join("\n"));
  console.error(`${problems.length} problems`);
  process.exit(1);
}
console.log(
  `guarantees: ${titles} titles with ${defined.size} defined codes, ${files} files named in ARCHITECTURE.md, ${faults} faults`,
);
