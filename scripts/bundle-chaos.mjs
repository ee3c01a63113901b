// Writes the built chaos server, with all it imports, into one file each for its module and its program, the latter with
// what V8 made of it: a process of it then starts in a third of the time. The tests of the other packages use it
// (vitest.config.ts); it is never published.
import { spawnSync } from "node:child_process";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const home = fileURLToPath(new URL("../packages/chaos/", import.meta.url));
// `dist` beside a manifest, as in the package: the program finds itself and its version by relative paths.
const bundle = join(home, "bundle");
const dist = join(bundle, "dist");

async function write(input, output, emptyOutDir) {
  await build({
    root: home,
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true, target: "node" },
    build: {
      ssr: true,
      target: "node20",
      outDir: dist,
      emptyOutDir,
      minify: true,
      rollupOptions: { input: join(home, "dist", input), external: [/^node:/], output },
    },
  });
}

// Code of a CommonJS module can be kept compiled, that of an ES module not.
await write("index.js", { format: "es", codeSplitting: false }, true);
await write("cli.js", { format: "cjs", codeSplitting: false, entryFileNames: "program.cjs" }, false);
copyFileSync(join(home, "package.json"), join(bundle, "package.json"));

/** Runs the program with its compiled code, which another version of Node does not take and makes anew. */
const loader = `import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
const filename = fileURLToPath(new URL("program.cjs", import.meta.url));
const source = readFileSync(filename, "utf8").replace(/^#!.*/, "");
const read = () => {
  try {
    return readFileSync(filename + ".code");
  } catch {
    return undefined;
  }
};
export const script = new Script("((require, exports, __filename) => {" + source + "\\n})", { filename, cachedData: read() });
script.runInThisContext()(createRequire(filename), {}, filename);
`;
writeFileSync(join(dist, "cli.js"), loader);

// What a first call compiles is kept too.
const code = JSON.stringify(join(dist, "program.cjs.code"));
const keep = `import { writeFileSync } from "node:fs";
const { script } = await import(${JSON.stringify(join(dist, "cli.js"))});
process.on("exit", () => writeFileSync(${code}, script.createCachedData()));`;
const messages = [
  {
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "bundle", version: "1" } },
  },
  { id: 2, method: "tools/call", params: { name: "echo", arguments: { text: "hello" } } },
];
const input = messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`).join("");
const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", keep, "keep", "stdio"], {
  input,
  encoding: "utf8",
});
if (status !== 0) throw new Error(`the bundled chaos server fails: ${stderr}`);
