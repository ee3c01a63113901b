import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ownKeys, silentKeys } from "../../src/config/entry-keys.js";
import { targetKeys } from "../../src/config/entry-shape.js";

const file = new URL("../../mcp.schema.json", import.meta.url);

test("M20: the schema for editors is what its script writes, and has each key that is read", () => {
  const script = fileURLToPath(new URL("../../scripts/mcp-schema.mjs", import.meta.url));
  const code = `import(${JSON.stringify(script)}).then(({ schemaText }) => process.stdout.write(schemaText))`;
  const { stdout } = spawnSync(process.execPath, ["-e", code], { encoding: "utf8" });
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(JSON.parse(stdout));
  const keys = new Set(Object.keys(JSON.parse(stdout).$defs.server.properties));
  // What is given in code only, and what is only read past.
  const read = [...ownKeys, ...targetKeys].filter((key) => key !== "connect" && key !== "authProvider");
  expect(read.filter((key) => !keys.has(key))).toEqual([]);
  const known = new Set([...ownKeys, ...targetKeys, ...silentKeys, "timeout"]);
  expect([...keys].filter((key) => !known.has(key))).toEqual([]);
});
