import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chaosCommand } from "@minion/chaos";
import type { ServerConfig } from "@minion/client";
import type { BareTarget } from "./bare-sdk.js";
import { chaosRemote, everythingRemote, type Remote } from "./remote.js";

/** One server of the demo: how it is reached with Minion and without, and what can be asked of it all day. */
export interface DemoServer {
  readonly config: ServerConfig;
  readonly bare: BareTarget;
  /** The call that the load repeats; it changes nothing. */
  readonly load: { readonly tool: string; readonly args: Record<string, unknown> };
  /** What the command line of each of its processes contains. */
  readonly marker: string;
  /** The process that listens, for servers over HTTP. */
  readonly remote?: Remote;
  /** The journal of a misbehaving server over stdio; it tells where its control endpoints are. */
  readonly journal?: string;
}

/** The servers of the demo: real ones from the workspace's own dependencies, and two that can be made to misbehave. */
export interface Playground {
  /** What `MinionClient` is given. */
  readonly configs: Readonly<Record<string, ServerConfig>>;
  readonly servers: Readonly<Record<string, DemoServer>>;
  /** The misbehaving server over HTTP. */
  readonly chaos: Remote;
  /** The journal of the misbehaving server over stdio. */
  readonly journal: string;
  /** The folder that the file system server may use. */
  readonly folder: string;
  /** The folder that the demo itself may use; it is removed in the end. */
  readonly ownFolder: string;
  /** How long a call may take, on this machine at its present load: it may have to start a process first. */
  readonly callTimeoutMs: number;
}

/** A call has this long, and three times as long as the start of a server has just taken. */
const minCallTimeoutMs = 2_000;

/** Stands in the command line of every process that the bare SDK starts, so that the two sides can be told apart. */
export const bareMarker = "--conditions=bare-sdk";

const resolve = createRequire(import.meta.url).resolve;
const everything = resolve("@modelcontextprotocol/server-everything/dist/index.js");
const filesystem = resolve("@modelcontextprotocol/server-filesystem/dist/index.js");
const memory = resolve("@modelcontextprotocol/server-memory/dist/index.js");

/** How server-everything is started over stdio by the bare SDK. */
export const everythingCommand: { readonly command: string; readonly args: readonly string[] } = {
  command: process.execPath,
  args: [bareMarker, everything, "stdio"],
};

/**
 * Starts what the demo needs beside the stdio servers, which are the client's to start. What ends it is in `ends` from the
 * first moment on, so that an interruption finds what is only just starting too.
 */
export async function startPlayground(ends: (() => Promise<void>)[]): Promise<Playground> {
  const folder = await mkdtemp(join(tmpdir(), "minion-demo-"));
  const files = join(folder, "files");
  await mkdir(files);
  const journal = join(folder, "journal.jsonl");
  const ended = new AbortController();
  const starting = [chaosRemote(join(folder, "chaos.jsonl")), everythingRemote(ended.signal)] as const;
  ends.push(async () => {
    ended.abort();
    for (const started of await Promise.allSettled(starting))
      if (started.status === "fulfilled") await started.value.close();
    // Servers that are ending meanwhile may still write there.
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  const begin = performance.now();
  const [chaos, remote] = await Promise.all(starting);
  const callTimeoutMs = Math.max(minCallTimeoutMs, Math.round(3 * (performance.now() - begin)));
  const misbehaving = chaosCommand({ protocol: "legacy", journal, controlPort: 0, maxLifeMs: 1_000 });
  const memoryFile = (side: string): Record<string, string> => ({
    MEMORY_FILE_PATH: join(folder, `memory-${side}.jsonl`),
  });
  const servers: Readonly<Record<string, DemoServer>> = {
    everything: stdio([everything, "stdio"], "echo", { message: "hello" }),
    filesystem: stdio([filesystem, files], "list_directory", { path: files }),
    memory: {
      ...stdio([memory], "read_graph", {}),
      config: { command: process.execPath, args: [memory], env: memoryFile("minion") },
      bare: { command: process.execPath, args: [bareMarker, memory], env: memoryFile("bare") },
    },
    "everything-http": http(remote, "echo", { message: "hello" }),
    "chaos-http": http(chaos, "readOnly", {}),
    "chaos-stdio": {
      config: misbehaving,
      bare: { ...misbehaving, args: [bareMarker, ...misbehaving.args] },
      load: { tool: "readOnly", args: {} },
      marker: journal,
      journal,
    },
  };
  return {
    configs: Object.fromEntries(Object.entries(servers).map(([name, { config }]) => [name, config])),
    servers,
    chaos,
    journal,
    folder: files,
    ownFolder: folder,
    callTimeoutMs,
  };
}

function stdio(
  args: readonly [script: string, ...string[]],
  tool: string,
  values: Record<string, unknown>,
): DemoServer {
  const command = process.execPath;
  return {
    config: { command, args },
    bare: { command, args: [bareMarker, ...args] },
    load: { tool, args: values },
    marker: args.join(" "),
  };
}

function http(remote: Remote, tool: string, args: Record<string, unknown>): DemoServer {
  return {
    config: { url: remote.url },
    bare: { url: remote.url },
    load: { tool, args },
    marker: remote.marker,
    remote,
  };
}
