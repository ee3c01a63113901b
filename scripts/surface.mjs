// Keeps a report of what each package exports, names and signatures, in packages/NAME/surface.txt.
//   node scripts/surface.mjs          fails where a built package exports something else than its report says
//   node scripts/surface.mjs --write  brings the reports up to date; refuses for a package that has no changeset
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const write = process.argv.includes("--write");

/** The top-level statements of a declaration file, without comments. tsc begins each one at the start of a line. */
function statementsOf(file) {
  const text = readFileSync(file, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "")
    .replace(/\n\s*\n/g, "\n");
  return text
    .split(/^(?=export |declare |import |interface |type |class |function |const )/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

const declaration = /^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const|let|namespace) ([\w$]+)/;

/** The declaration files of a package's entries, with the name of the entry where there are several. */
function entriesOf(home) {
  const { exports } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  return Object.entries(exports)
    .filter(([, target]) => typeof target === "object")
    .map(([entry, { types }]) => ({ title: entry === "." ? "" : `// ${entry}\n\n`, file: join(home, types) }));
}

/** Every exported name of an entry with its declaration, sorted by name. */
function surfaceOf(index) {
  const lines = [];
  for (const statement of statementsOf(index)) {
    const [, names, from] = /^export (?:type )?\{([\s\S]*?)\} from "([^"]+)";?$/.exec(statement) ?? [];
    if (names === undefined) {
      const name = declaration.exec(statement)?.[1];
      if (name !== undefined) lines.push({ name, text: statement });
      continue;
    }
    const source = from.startsWith(".") ? join(dirname(index), from.replace(/\.js$/, ".d.ts")) : undefined;
    const statements = source === undefined ? [] : statementsOf(source);
    for (const entry of names.split(",").map((part) => part.trim().replace(/^type /, ""))) {
      if (entry === "") continue;
      const [original, name = original] = entry.split(" as ");
      const found = statements.find((candidate) => declaration.exec(candidate)?.[1] === original);
      lines.push({ name, text: found ?? `export { ${entry} } from "${from}";` });
    }
  }
  const seen = new Set(lines.map(({ text }) => text));
  return `${[...seen].sort((a, b) => nameOf(a).localeCompare(nameOf(b))).join("\n\n")}\n`;
}

function nameOf(statement) {
  return declaration.exec(statement)?.[1] ?? statement;
}

function changesetNames() {
  return readdirSync(join(root, ".changeset"))
    .filter((file) => file.endsWith(".md") && file !== "README.md")
    .flatMap((file) =>
      [...readFileSync(join(root, ".changeset", file), "utf8").matchAll(/^["']?(@minion\/[\w-]+)["']?:/gm)].map(
        ([, name]) => name,
      ),
    );
}

const pending = new Set(changesetNames());
for (const folder of readdirSync(join(root, "packages"))) {
  const home = join(root, "packages", folder);
  const entries = entriesOf(home);
  const name = `@minion/${folder}`;
  if (entries.some(({ file }) => !existsSync(file))) {
    console.error(`${name} is not built: run pnpm build`);
    process.exitCode = 1;
    continue;
  }
  const report = join(home, "surface.txt");
  const before = existsSync(report) ? readFileSync(report, "utf8") : "";
  const now = entries.map(({ title, file }) => title + surfaceOf(file)).join("\n");
  if (before === now) continue;
  if (!write) {
    console.error(
      `${name}: its exports are not those of ${folder}/surface.txt: add a changeset, then run pnpm surface`,
    );
    process.exitCode = 1;
  } else if (!pending.has(name)) {
    console.error(`${name}: its exports have changed and no changeset says so: run pnpm exec changeset`);
    process.exitCode = 1;
  } else {
    writeFileSync(report, now);
    console.log(`${name}: ${folder}/surface.txt written`);
  }
}
