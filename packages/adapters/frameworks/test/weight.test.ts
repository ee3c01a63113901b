import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const dist = new URL("../../dist/", import.meta.url);
const frameworks: Readonly<Record<string, readonly string[]>> = {
  "ai-sdk": ["ai"],
  anthropic: ["@anthropic-ai/sdk/lib/tools/ToolError"],
  langchain: ["@langchain/core/messages", "@langchain/core/tools"],
  "openai-agents": ["node:crypto"],
  transport: [],
};

/** Every module that an entry loads, its own files followed. */
function loaded(file: string, seen = new Set<string>()): Set<string> {
  const text = readFileSync(new URL(file, dist), "utf8");
  for (const [, from = ""] of text.matchAll(/^(?:import|export)[^;]*? from "([^"]+)";|^import "([^"]+)";/gm)) {
    if (seen.has(from)) continue;
    seen.add(from);
    if (from.startsWith("./")) loaded(from, seen);
  }
  return seen;
}

for (const [entry, expected] of Object.entries(frameworks))
  test(`A13: importing ./${entry} loads ${expected.join(" and ") || "nothing"} beside its own files`, () => {
    const others = [...loaded(`${entry}.js`)].filter((from) => !from.startsWith("./"));
    expect(others.sort()).toEqual([...expected].sort());
    const run = spawnSync(process.execPath, ["-e", `import("@minion/adapters/${entry}").then(Object.keys)`], {
      cwd: new URL("../..", import.meta.url),
      encoding: "utf8",
    });
    expect(run.stderr).toBe("");
    expect(run.status).toBe(0);
  });

test("A13: every entry is tried, and no file of the package is without an entry", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", dist), "utf8"));
  const entries = Object.keys(manifest.exports).filter((name) => name !== "./package.json");
  expect(entries).toEqual(Object.keys(frameworks).map((name) => `./${name}`));
  expect(Object.keys(manifest.typesVersions["*"])).toEqual(Object.keys(frameworks));
  const used = new Set(entries.flatMap((name) => [`${name}.js`, ...loaded(`${name}.js`)]));
  for (const file of readdirSync(dist).filter((name) => name.endsWith(".js")))
    if (!readFileSync(new URL(file, dist), "utf8").startsWith("export {};")) expect(used).toContain(`./${file}`);
});
