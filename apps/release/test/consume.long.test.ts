import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { emptyProject, firstExample, npmInstall, packages, removeFolders, root, run, tarballOf } from "./support.js";

const minutes = 60_000;
let project = "";

/** One project that has every package; `consume-each.long.test.ts` installs each alone, and uses it on every Node. */
beforeAll(async () => {
  project = await emptyProject("consume");
  await npmInstall(project, ...packages.map(tarballOf), "@types/node@20");
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

const clientInfo = { name: "host", version: "1" };
const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
const echo = { name: "mcp_chaos_echo", arguments: { text: "hello" } };

/** Starts a command of the gateway as its README has it. What it starts is in a group of its own, and gone after the test. */
function startGateway(...args: readonly string[]): ChildProcess {
  const child = spawn("npx", ["--no-install", "@minion/gateway", "--config", "mcp.json", ...args], {
    cwd: project,
    detached: true,
  });
  onTestFinished(() => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself, as it should.
    }
  });
  return child;
}

test("the gateway, installed from its tarball, serves over stdio and HTTP and says with --check how its servers are", {
  timeout: 3 * minutes,
}, async () => {
  const chaos = { command: "npx", args: ["--no-install", "minion-chaos", "stdio"] };
  await writeFile(join(project, "mcp.json"), JSON.stringify({ mcpServers: { chaos } }));

  const stdio = startGateway();
  const ended = once(stdio, "exit");
  const lines = createInterface({ input: stdio.stdout ?? process.stdin })[Symbol.asyncIterator]();
  const ask = async (id: number, method: string, params: object): Promise<unknown> => {
    stdio.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    for (;;) {
      const line = await lines.next();
      const message = JSON.parse(line.done === true ? "null" : line.value);
      if (message === null || message.id === id) return message?.result;
    }
  };
  expect(await ask(1, "initialize", hello)).toMatchObject({ serverInfo: { name: "minion-gateway" } });
  expect(await ask(2, "tools/call", echo)).toMatchObject({ content: [{ text: "hello" }] });
  stdio.stdin?.end();
  expect((await ended)[0]).toBe(0);

  const http = startGateway("--port", "0");
  let url = "";
  for await (const line of createInterface({ input: http.stderr ?? process.stdin })) {
    url = /serving MCP at (\S+)/.exec(line)?.[1] ?? "";
    if (url !== "") break;
  }
  const post = async (method: string, params: object, headers: Record<string, string>): Promise<string> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const accept = "application/json, text/event-stream";
    const sent = { "content-type": "application/json", accept, ...headers };
    return (await fetch(url, { method: "POST", headers: sent, body })).text();
  };
  expect(await post("initialize", hello, {})).toContain("minion-gateway");
  expect(await post("tools/call", echo, { "mcp-protocol-version": "2025-11-25" })).toContain('"text":"hello"');
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": clientInfo,
  };
  const modern = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": echo.name };
  expect(await post("tools/call", { ...echo, _meta: meta }, modern)).toContain('"text":"hello"');

  const npx = ["--no-install", "@minion/gateway", "--config", "mcp.json", "--check"];
  const good = await run("npx", npx, { cwd: project });
  expect(good.stdout).toMatch(/chaos/);
  const servers = { chaos, broken: { command: "no-such-command" } };
  await writeFile(join(project, "mcp.json"), JSON.stringify({ mcpServers: servers }));
  const bad = await run("npx", npx, { cwd: project, allowFailure: true });
  expect(bad.code).toBe(1);
  expect(bad.stdout).toMatch(/no-such-command/);
});
