import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { cliFile, faultFlags, flags } from "./chaos-command.js";
import type { ControlRequest } from "./fault-controller.js";
import { type JournalEntry, readJournal } from "./journal.js";
import { checkOptions, type ProtocolOptions, settingsOf } from "./options.js";
import { starterVariable } from "./process/parent-watch.js";

/** How {@link spawnChaosServer} starts. */
export interface ChaosProcessOptions extends ProtocolOptions {
  /** The port. Default 0: any free one. */
  readonly port?: number | undefined;
  /** The address to listen on. Default "127.0.0.1". */
  readonly host?: string | undefined;
  /** Host names, beside the loopback ones, by which it may be called. Default: none. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** A file to which the journal is appended. Default: a temporary one, removed by `close()`. */
  readonly journal?: string | undefined;
  /** Milliseconds that its processes live on without this one. Default 90 000. */
  readonly maxLifeMs?: number | undefined;
}

/** A chaos server over HTTP in a process of its own. */
export interface ChaosProcess extends AsyncDisposable {
  /** Where streamable HTTP is served. */
  readonly url: string;
  /** Where the older HTTP with SSE transport is served. */
  readonly sseUrl: string;
  readonly controlUrl: string;
  /** The process that serves, to be killed or stopped. */
  readonly pid: number;
  /** What happened so far; after `close()` what had happened by then. */
  journal(): readonly JournalEntry[];
  /** Sends a control request. Rejects with a TypeError where the server refuses it. */
  control(request: ControlRequest): Promise<void>;
  /** Kills the server, its wrapper and its grandchildren; resolves when the process has gone. Idempotent. */
  close(): Promise<void>;
}

interface Addresses {
  readonly url: string;
  readonly sseUrl: string;
  readonly controlUrl: string;
  readonly pid: number;
}

/**
 * Starts a chaos server over HTTP in a process of its own, which can really be killed, stopped and frozen.
 *
 * The caller owns it and closes it.
 *
 * @throws TypeError | RangeError that names the option, its rule and the value; rejects with an Error that holds the
 * stderr of a server that ended before it listened
 */
export async function spawnChaosServer(options: ChaosProcessOptions = {}): Promise<ChaosProcess> {
  checkOptions("spawnChaosServer", options, {
    port: "port",
    host: "host",
    allowedHosts: "hosts",
    faults: "faults",
    protocol: "fault",
    versions: "fault",
    journal: "file",
    maxLifeMs: "lifetime",
  });
  const { port, host, allowedHosts, maxLifeMs } = options;
  const folder = options.journal === undefined ? mkdtempSync(join(tmpdir(), "minion-chaos-")) : undefined;
  const file = options.journal ?? join(folder ?? "", "journal.jsonl");
  const args = [
    cliFile,
    "http",
    ...flags({ port, host, maxLifeMs, journal: file }),
    ...faultFlags(settingsOf(options)),
  ];
  if (allowedHosts !== undefined && allowedHosts.length > 0) args.push(...flags({ allowHost: allowedHosts.join(",") }));
  // A process group of its own, so that one signal reaches a wrapper and all below it.
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, [starterVariable]: String(process.pid) },
  });
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const removeFolder = (): void => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  };
  const addresses = await firstLine(child).catch((error: unknown) => {
    removeFolder();
    throw error;
  });
  let atTheEnd: readonly JournalEntry[] | undefined;
  const end = async (): Promise<void> => {
    if (child.pid !== undefined) kill(-child.pid);
    // Those in a session of their own; an older process's entries in a shared file are not ours to kill.
    const own = readJournal(file).filter((entry) => entry.pid === addresses.pid);
    for (const entry of own) if (entry.event === "grandchild") kill(entry.child);
    await gone;
    atTheEnd = readJournal(file);
    removeFolder();
  };
  let ended: Promise<void> | undefined;
  const close = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  return {
    ...addresses,
    journal: () => atTheEnd ?? readJournal(file),
    control: (request) => control(addresses.controlUrl, request),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The addresses that the program prints once it listens. */
function firstLine(child: ChildProcess): Promise<Addresses> {
  return new Promise((resolve, reject) => {
    const { stdout, stderr } = child;
    if (stdout === null || stderr === null) throw new Error("bug: the output is piped");
    let said = "";
    stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4_096);
    });
    child.once("error", reject);
    child.once("close", (code) => {
      reject(new Error(`spawnChaosServer: the server ended with ${code} before it listened: ${said.trim()}`));
    });
    // Read on to the end: a full pipe would stop the server.
    createInterface(stdout).once("line", (line) => resolve(JSON.parse(line)));
  });
}

async function control(url: string, request: ControlRequest): Promise<void> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(request) });
  if (!response.ok) throw new TypeError(`ChaosProcess: ${await response.text()}`);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone already.
  }
}
