// Every gateway behind one small face, each started by its own command with the defaults that its documentation shows.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { startHttpServer } from "../dist/servers/start-servers.js";

const pathOf = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const startLimitMs = 30_000;

function binOf(name) {
  const folder = pathOf(`node_modules/${name}/`);
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bin === "string" ? bin : bin[name]);
}

const ours = pathOf("../../../packages/gateway/dist/cli.js");
const servers = (all) => Object.fromEntries(all.map((server, index) => [`s${index}`, server]));
const lineOf = ({ command, args }) => [command, ...args].join(" ");

/** The arguments of each, and whether it takes several servers. */
export const gateways = {
  "mcp-hub": {
    hasSeveral: true,
    isSse: true,
    args: (port, file) => [binOf("mcp-hub"), "--port", `${port}`, "--config", file],
  },
  supergateway: {
    args: (port, _file, [server]) => [
      ...[binOf("supergateway"), "--stdio", lineOf(server), "--outputTransport", "streamableHttp"],
      ...["--port", `${port}`, "--streamableHttpPath", "/mcp", "--logLevel", "none"],
    ],
  },
  "mcp-proxy": {
    args: (port, _file, [{ command, args }]) => [binOf("mcp-proxy"), "--port", `${port}`, "--", command, ...args],
  },
  minion: {
    hasSeveral: true,
    args: (port, file) => [ours, "--config", file, "--port", `${port}`],
  },
};

/** Starts a gateway in front of servers, in a group of its own: whatever it started ends with it. */
export async function startGateway(name, all) {
  const gateway = gateways[name];
  const folder = mkdtempSync(join(tmpdir(), "bench-gateway-"));
  const file = join(folder, "mcp.json");
  writeFileSync(file, JSON.stringify({ mcpServers: servers(all) }));
  const port = await freePort();
  const args = ["--import", pathOf("loopback.mjs"), ...gateway.args(port, file, all)];
  const env = { ...process.env, ...all[0].env };
  const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "ignore"], detached: true, env });
  const signal = (how) => {
    try {
      process.kill(-child.pid, how);
    } catch {
      // It has ended by itself.
    }
  };
  const started = { name, port, pid: child.pid, isSse: gateway.isSse === true, kill, close };
  await opened(port, child);
  // What is listening need not be ready: its servers are started behind it.
  await sleep(1_000);
  return started;

  async function kill() {
    const gone = once(child, "exit");
    signal("SIGKILL");
    await gone;
  }

  async function close() {
    signal("SIGTERM");
    await Promise.race([once(child, "exit"), sleep(3_000)]);
    signal("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same server over HTTP, without a gateway. */
export async function startDirect() {
  const server = await startHttpServer("sse");
  return {
    name: "direct",
    port: Number(new URL(server.url).port),
    isSse: false,
    close: () => server[Symbol.asyncDispose](),
  };
}

/** A host of SDK v1 with the names of the gateway's tools, by the end of each. */
export async function connectHost({ port, isSse }) {
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  const client = new Client({ name: "bench", version: "1.0.0" });
  await client.connect(isSse ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url));
  const names = (await client.listTools()).tools.map(({ name }) => name);
  const nameOf = (tool) => names.find((name) => name === tool || name.endsWith(`_${tool}`));
  return {
    count: names.length,
    // As it comes: the client would compile every schema of it.
    list: () => client.request({ method: "tools/list", params: {} }, ResultSchema),
    call: (tool, args, options) => client.callTool({ name: nameOf(tool), arguments: args }, undefined, options),
    close: () => client.close(),
  };
}

/** The processes that a process has started, and they in turn. */
export function descendants(pid) {
  const parents = new Map();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry) || !existsSync(`/proc/${entry}/stat`)) continue;
    // The name of a process may hold anything, so that what follows it is counted from its end: the state, then the parent.
    const [, parent] = readFileSync(`/proc/${entry}/stat`, "utf8").split(") ").at(-1).split(" ");
    parents.set(Number(entry), Number(parent));
  }
  const below = (id) => [...parents].flatMap(([child, parent]) => (parent === id ? [child, ...below(child)] : []));
  return below(pid);
}

/** The bytes that a process and its descendants have in memory. */
export function memoryOf(pid) {
  return [pid, ...descendants(pid)]
    .map((id) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1] ?? 0) * 1_024)
    .reduce((sum, bytes) => sum + bytes, 0);
}

async function opened(port, child) {
  for (let waitedMs = 0; waitedMs < startLimitMs; waitedMs += 50) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const isOpen = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await sleep(50);
  }
  throw new Error("it does not listen");
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
