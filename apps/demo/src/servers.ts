import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChaosServer, chaosCommand, startChaosServer } from "@minion/chaos";
import type { ServerConfig } from "@minion/client";

/** The servers of the demo: real ones from the workspace's own dependencies, and two that can be made to misbehave. */
export interface Playground {
  /** What `MinionClient` is given. */
  readonly servers: Readonly<Record<string, ServerConfig>>;
  /** The misbehaving server over HTTP; it runs in this process, so that the demo can turn its knobs. */
  readonly chaos: ChaosServer;
  /** Where the misbehaving server over stdio journals what reached it. */
  readonly journal: string;
  /** The folder that the file system server may use. */
  readonly folder: string;
  /** The URL of server-everything over streamable HTTP. */
  readonly everythingUrl: string;
  close(): Promise<void>;
}

const require = createRequire(import.meta.url);
const everything = require.resolve("@modelcontextprotocol/server-everything/dist/index.js");

/** How server-everything is started over stdio, here and by the bare SDK it is compared with. */
export const everythingCommand: { readonly command: string; readonly args: readonly string[] } = {
  command: process.execPath,
  args: [everything, "stdio"],
};

/** Starts what the demo needs beside the stdio servers, which are the client's to start. The caller closes it. */
export async function startPlayground(): Promise<Playground> {
  const folder = await mkdtemp(join(tmpdir(), "minion-demo-"));
  const journal = join(folder, "journal.jsonl");
  const shared = join(folder, "files");
  const chaos = await startChaosServer({});
  const remote = await startEverythingOverHttp();
  return {
    servers: {
      everything: everythingCommand,
      "everything-http": { url: remote.url },
      filesystem: {
        command: process.execPath,
        args: [require.resolve("@modelcontextprotocol/server-filesystem/dist/index.js"), folder],
      },
      memory: {
        command: process.execPath,
        args: [require.resolve("@modelcontextprotocol/server-memory/dist/index.js")],
        env: { MEMORY_FILE_PATH: join(folder, "memory.jsonl") },
      },
      chaos: { url: chaos.url, callTimeoutMs: 1_000, breaker: { failureThreshold: 3, openMs: 1_000 } },
      "chaos-stdio": chaosCommand({ journal }),
    },
    chaos,
    journal,
    folder: shared,
    everythingUrl: remote.url,
    async close() {
      await Promise.all([chaos.close(), remote.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startEverythingOverHttp(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const script = fileURLToPath(new URL("everything-http.js", import.meta.url));
  const child = spawn(process.execPath, [script], { stdio: ["pipe", "pipe", "ignore"] });
  const port = await portOf(child);
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    close: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once("exit", () => resolve());
        child.stdin?.end();
      }),
  };
}

function portOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const port = /^port (\d+)$/m.exec(output)?.[1];
      if (port !== undefined) resolve(port);
    });
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`server-everything over HTTP ended with ${code} before it listened`)),
    );
  });
}
