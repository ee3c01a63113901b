// Checks that no file imports one of a floor above its own. The floors, from the ground up, are those of docs/decisions/house.md;
// a file beside index.ts that is named in none of them stands on the topmost. `--print` tells what each package's imports are like.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
/** A name with a dot is a file, any other a folder with all that is in it. */
const houses = {
  client: [
    [
      "config",
      ...["authorization-error.ts", "call.ts", "cancellation.ts", "deadline.ts", "errors.ts", "events.ts"],
      ...["input-required-error.ts", "interfaces.ts", "mcp-session.ts", "server-context.ts", "untrusted.ts"],
    ],
    ["session"],
    ["auth"],
    ["lists", "connections"],
    ["call"],
  ],
  pool: [
    ["support", "errors.ts", "events.ts", "lease.ts", "limits.ts", "options.ts", "stats.ts", "lists/heap.ts"],
    ["model", "lists"],
    ["lifecycle", "key-table.ts"],
    ["scheduler.ts"],
  ],
};

/** All files in a folder, by their paths in it. */
function filesIn(folder, under = "") {
  return readdirSync(join(folder, under), { withFileTypes: true }).flatMap((entry) => {
    const path = join(under, entry.name);
    return entry.isDirectory() ? filesIn(folder, path) : [path];
  });
}

/** What a file imports of its own package, as paths in `src`. */
function importsOf(src, file) {
  const text = readFileSync(join(src, file), "utf8");
  return [...text.matchAll(/\bfrom "(\.[^"]+)\.js"/g)].map(([, path]) => `${join(dirname(file), path)}.ts`);
}

/** How many files the longest chain of imports has. */
function longestChain(imports) {
  const known = new Map();
  const from = (file) => {
    if (!known.has(file)) {
      known.set(file, 0); // Circles are Biome's affair.
      known.set(file, 1 + Math.max(0, ...(imports.get(file) ?? []).map(from)));
    }
    return known.get(file);
  };
  return Math.max(...[...imports.keys()].map(from));
}

const problems = [];
let checked = 0;
for (const [name, floors] of Object.entries(houses)) {
  const src = join(root, "packages", name, "src");
  const files = filesIn(src);
  const imports = new Map(files.map((file) => [file, importsOf(src, file)]));
  const floorOf = (file) => {
    const exact = floors.findIndex((floor) => floor.includes(file));
    const byFolder = floors.findIndex((floor) => floor.includes(file.split("/")[0]));
    return [exact, byFolder, floors.length].find((floor) => floor >= 0);
  };
  for (const place of floors.flat())
    if (!files.some((file) => file === place || file.startsWith(`${place}/`)))
      problems.push(`${name}: the floors name ${place}, which does not exist`);
  for (const [file, imported] of imports)
    for (const other of imported) {
      checked += 1;
      if (floorOf(other) > floorOf(file))
        problems.push(`packages/${name}/src/${file} imports ${other}, which is on a floor above it`);
    }
  if (!process.argv.includes("--print")) continue;
  const folders = new Map();
  for (const file of files) folders.set(dirname(file), (folders.get(dirname(file)) ?? 0) + 1);
  const counts = [...folders].sort().map(([folder, count]) => `${folder === "." ? "src" : folder} ${count}`);
  console.log(
    `${name}: ${files.length} files (${counts.join(", ")}); longest chain of imports: ${longestChain(imports)}`,
  );
}
if (checked === 0) problems.push("no import was found: the check itself is broken");
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exit(1);
}
console.log(`floors: ${checked} imports lead down or along`);
