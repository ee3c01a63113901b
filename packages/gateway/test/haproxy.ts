import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi, test as vitestTest } from "vitest";
import type { Replica } from "./replicas.js";

/** Where Debian installs it, which is on no ordinary user's PATH. */
const candidates = ["haproxy", "/usr/sbin/haproxy"];
const program = candidates.find((name) => spawnSync(name, ["-v"]).status === 0);

/**
 * A test that needs a real `haproxy`. Without one it is left out, and the summary says so; with MINION_REQUIRE_HAPROXY=1 it
 * runs in any case, and fails without one.
 */
export const test = vitestTest.runIf(program !== undefined || process.env.MINION_REQUIRE_HAPROXY === "1");

/** The configuration that docs/gateway/deployment.md shows. */
function documented(): string {
  const page = readFileSync(new URL("../../../docs/gateway/deployment.md", import.meta.url), "utf8");
  const snippet = /## haproxy\n\n```text\n([\s\S]*?)```/.exec(page)?.[1];
  if (snippet === undefined) throw new Error("docs/gateway/deployment.md shows no configuration of haproxy");
  return snippet;
}

/** The documented configuration with these replicas, and with their addresses. */
function configured(port: number, replicas: readonly Replica[]): string {
  let next = 0;
  return documented()
    .replace("bind :80", `bind 127.0.0.1:${port}`)
    .replace(/^( *server \w+) \S+$/gm, (_line, server: string) => {
      const replica = replicas[next++];
      if (replica === undefined) throw new Error("the configuration has more servers than there are replicas");
      return `${server} 127.0.0.1:${replica.port} port ${replica.opsPort}`;
    });
}

/** Starts haproxy, as documented, in front of three replicas. Gives the URL of MCP there; it ends with the test. */
export async function startHaproxy(replicas: readonly Replica[]): Promise<string> {
  if (program === undefined) throw new Error("haproxy is not installed (apt-get install haproxy)");
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "minion-haproxy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, configured(port, replicas));
  const checked = spawnSync(program, ["-c", "-f", file], { encoding: "utf8" });
  if (checked.status !== 0) throw new Error(`haproxy refuses the documented configuration: ${checked.stderr}`);
  const child = spawn(program, ["-db", "-f", file], { stdio: "ignore" });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  await vi.waitFor(async () => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
  }, 60_000);
  return `http://127.0.0.1:${port}/mcp`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("bug: a server on a port has one");
  return address.port;
}
