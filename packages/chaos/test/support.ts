import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, type ClientOptions } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { type CallToolResult, CallToolResultSchema, type JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import {
  type ChaosCommandOptions,
  type ChaosServer,
  type ControlRequest,
  chaosCommand,
  type FaultSettings,
  type JournalEntry,
  readJournal,
  startChaosServer,
} from "../src/index.js";

/** Waits for a condition, not for a time; fails with what it waited for. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const deadline = performance.now() + 25_000;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    return false;
  }
}

export function entriesOf<E extends JournalEntry["event"]>(
  journal: readonly JournalEntry[],
  event: E,
): Extract<JournalEntry, { readonly event: E }>[] {
  return journal.filter((entry): entry is Extract<JournalEntry, { readonly event: E }> => entry.event === event);
}

/** A folder of the test's own, gone with the test. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "chaos-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const transports = ["stdio", "http-json", "http-sse", "sse"] as const;
export type TransportKind = (typeof transports)[number];

export interface Bench extends AsyncDisposable {
  readonly client: Client;
  /** The server, where it runs in this process. */
  readonly server: ChaosServer | undefined;
  call(tool: string, args?: Record<string, unknown>, options?: { signal?: AbortSignal }): Promise<CallToolResult>;
  control(request: ControlRequest): Promise<void>;
  journal(): readonly JournalEntry[];
}

/** The bare SDK client, connected to a chaos server over one transport. */
export async function openBench(
  kind: TransportKind,
  faults: FaultSettings = {},
  options?: ClientOptions,
): Promise<Bench> {
  const folder = temporaryFolder();
  const file = join(folder.path, "journal.jsonl");
  const server =
    kind === "stdio"
      ? undefined
      : await startChaosServer({ faults: { reply: kind === "http-json" ? "json" : "sse", ...faults } });
  const client = new Client({ name: "chaos-test", version: "1.0.0" }, options);
  const transport = transportOf(kind, server, file, faults);
  const journal = (): readonly JournalEntry[] => server?.journal() ?? readJournal(file);
  await client.connect(transport);
  const call: Bench["call"] = async (name, args = {}, callOptions = {}) =>
    CallToolResultSchema.parse(await client.callTool({ name, arguments: args }, undefined, callOptions));
  return {
    client,
    server,
    call,
    journal,
    control: async (request) => {
      if (server === undefined) await call("chaos", { ...request });
      else await fetch(server.controlUrl, { method: "POST", body: JSON.stringify(request) });
    },
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await server?.close();
      for (const pid of pidsOf(journal())) if (pid !== process.pid) kill(pid);
      folder[Symbol.dispose]();
    },
  };
}

function transportOf(
  kind: TransportKind,
  server: ChaosServer | undefined,
  journal: string,
  faults: FaultSettings,
): Transport {
  if (server === undefined) {
    const { command, args, env } = chaosCommand({ journal, faults });
    return new StdioClientTransport({ command, args: [...args], env: { ...env }, stderr: "ignore" });
  }
  if (kind === "sse") return new SSEClientTransport(new URL(server.sseUrl));
  return new StreamableHTTPClientTransport(new URL(server.url)) as Transport;
}

/** A chaos server over stdio, driven line by line. */
export class RawServer implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly file: string;
  readonly lines: string[] = [];
  stderr = "";
  chunks = 0;
  exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  isStdoutOpen = true;
  readonly #folder = temporaryFolder();
  #rest = "";

  constructor(options: ChaosCommandOptions = {}) {
    this.file = options.journal ?? join(this.#folder.path, "journal.jsonl");
    const { command, args, env } = chaosCommand({ ...options, journal: this.file });
    this.child = spawn(command, args, { env: { ...process.env, ...env }, stdio: "pipe" });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#read(text));
    this.child.stdout?.once("close", () => {
      this.isStdoutOpen = false;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.child.stdin?.on("error", () => {});
    this.child.once("exit", (code, signal) => {
      this.exit = { code, signal };
    });
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("not started");
    return this.child.pid;
  }

  journal(): readonly JournalEntry[] {
    return readJournal(this.file);
  }

  send(message: Record<string, unknown>): void {
    this.child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  async initialize(): Promise<this> {
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1.0.0" } };
    this.send({ id: "init", method: "initialize", params });
    await this.answer("init");
    this.send({ method: "notifications/initialized" });
    return this;
  }

  call(id: string | number, name: string, args: Record<string, unknown> = {}): void {
    this.send({ id, method: "tools/call", params: { name, arguments: args } });
  }

  /** The answer to a request, once it is there. */
  answer(id: string | number): Promise<Record<string, unknown>> {
    return until(`the answer to ${id} is there`, () => this.messages().find((message) => message.id === id));
  }

  messages(): Record<string, unknown>[] {
    return this.lines.flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
  }

  ended(): Promise<{ readonly code: number | null; readonly signal: string | null }> {
    return until("the process has ended", () => this.exit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of pidsOf(this.journal())) kill(pid);
    this.child.kill("SIGKILL");
    await this.ended();
    this.#folder[Symbol.dispose]();
  }

  #read(text: string): void {
    this.chunks += 1;
    if (!text.includes("\n")) {
      this.#rest += text;
      return;
    }
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    this.lines.push(...lines);
  }
}

function pidsOf(journal: readonly JournalEntry[]): number[] {
  return journal.flatMap((entry) => (entry.event === "grandchild" ? [entry.child, entry.pid] : [entry.pid]));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone already, as it should be.
  }
}

/** Sees every message that reaches a connected client, before the client does. */
export function tapMessages(client: Client, tap: (message: JSONRPCMessage) => void): void {
  const { transport } = client;
  const next = transport?.onmessage;
  if (transport === undefined || next === undefined) throw new Error("not connected");
  transport.onmessage = (message, extra) => {
    tap(message);
    next(message, extra);
  };
}

/** The text of a result's first content. */
export function textOf(result: CallToolResult): string {
  const [first] = result.content;
  return first?.type === "text" ? first.text : "";
}
