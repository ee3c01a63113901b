import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { type Exchange, startRawServer } from "./raw-server.js";

export const timeout = 120_000;
export const megabyte = 1_000_000;
/** Of one message, to all the applications here. */
const maxMessageBytes = 4 * megabyte;

interface Outcome {
  readonly ok: boolean;
  readonly name?: string;
  readonly code?: string | number;
  readonly message?: string;
  readonly length?: number;
}

interface Report {
  readonly outcomes: readonly Outcome[];
  readonly good: readonly boolean[];
  readonly stray: readonly string[];
  readonly grownMB: number;
  readonly told: readonly string[];
  readonly lastError: number;
}

interface Attack {
  /** Answers a request of the application; false leaves it to the server that is well. */
  readonly post?: (exchange: Exchange) => boolean | undefined;
  readonly get?: (exchange: Exchange) => void;
  readonly work: readonly (readonly [string, ...unknown[]])[];
  /** The application goes on for so long before it calls its good server. */
  readonly forMs?: number;
  readonly heapMB?: number;
  readonly policy?: object;
}

/** Runs an application with a heap of 64 MB against a server over HTTP that attacks it. */
export async function attacked({ post, get, work, forMs, heapMB = 64, policy = {} }: Attack): Promise<Report> {
  const hostile = await startRawServer({
    ...(post !== undefined && { post }),
    ...(get !== undefined && { get }),
  });
  const good = await startRawServer();
  const server = { url: hostile.url, type: "http", maxMessageBytes, retry: false, ...policy };
  const json = JSON.stringify({ server, good: { url: good.url, type: "http" }, work, forMs });
  const script = fileURLToPath(new URL("small-heap.mjs", import.meta.url));
  const child = spawn(process.execPath, [`--max-old-space-size=${heapMB}`, script, json]);
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const [code, signal] = await once(child, "close");
  expect({ code, signal, stderr: stderr.slice(0, 500) }).toEqual({ code: 0, signal: null, stderr: "" });
  const report: Report = JSON.parse(output);
  expect(report).toMatchObject({ good: [true, true], stray: [] });
  for (const { ok, code: told, length = 0 } of report.outcomes) {
    // A mistake of ours would have no code.
    if (!ok) expect(typeof told === "number" || String(told).startsWith("ERR_MCP_")).toBe(true);
    if (!ok) expect(length).toBeLessThan(2_500);
  }
  expect(report.lastError).toBeLessThanOrEqual(2_000);
  return report;
}

function json(response: ServerResponse, id: unknown, member: string, text: string): true {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"${member}":${text}}`);
  return true;
}

/** Answers one method by the text of its result. */
export const answering =
  (method: string, text: () => string, member = "result") =>
  ({ message, response }: Exchange): boolean =>
    message.method === method && json(response, message.id, member, text());

export const call = ["callTool", "t", {}, { timeoutMs: 20_000 }] as const;

/** Pours out events over the reply to a call, no faster than they are taken. */
const pouring =
  (event: (number: number) => string) =>
  ({ message, response }: Exchange): boolean => {
    if (message.method !== "tools/call") return false;
    response.writeHead(200, { "content-type": "text/event-stream" });
    let number = 0;
    const pour = (): void => {
      if (response.destroyed) return;
      let text = "";
      for (let i = 0; i < 200; i++) text += event(number++);
      if (response.write(text)) setImmediate(pour);
      else response.once("drain", pour);
    };
    pour();
    return true;
  };
/** An event with a message of JSON-RPC. */
export const data = (message: object): string => `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;

/** Meets a flood for so long: with half the memory, half as much shows that something of each event is kept. */
export async function expectFloodHarmless(
  event: (number: number) => string,
  forMs: number,
  heapMB: number,
): Promise<void> {
  const work = [["callTool", "t", {}, { timeoutMs: forMs + 500 }]] as const;
  await attacked({ post: pouring(event), work, forMs, heapMB });
}

/** A frame of Zstandard with blocks of one byte each that stands for 128 kB: nothing here can make one otherwise. */
export function zstdBomb(bytes: number): Buffer {
  const blocks = Math.ceil(bytes / 131_072);
  const pieces: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70])];
  for (let at = 1; at <= blocks; at++) {
    const header = (131_072 << 3) | (1 << 1) | Number(at === blocks);
    pieces.push(Buffer.from([header & 0xff, (header >> 8) & 0xff, (header >> 16) & 0xff, 0x20]));
  }
  return Buffer.concat(pieces);
}

/** What is sent packed in a small body. */
export const unpacked = (): Buffer => Buffer.alloc(100 * megabyte, " ");

/** Sends a bomb in every kind of answer: each is refused, none is unpacked. */
export async function expectBombHarmless(encoding: string, bomb: Buffer): Promise<void> {
  expect(bomb.length).toBeLessThan(500_000);
  const send = (response: ServerResponse, status: number, type: string): true => {
    response.writeHead(status, { "content-type": type, "content-encoding": encoding }).end(bomb);
    return true;
  };
  let calls = 0;
  const { outcomes, grownMB } = await attacked({
    post: ({ message, response }) => {
      if (message.method === "tools/list") return send(response, 200, "application/json");
      if (message.method === "prompts/get") return send(response, 200, "text/event-stream");
      if (message.method === "ping") return send(response, 500, "text/plain");
      if (message.method !== "tools/call") return false;
      calls += 1;
      return send(response, calls === 1 ? 200 : 404, "application/json");
    },
    get: ({ response }) => void send(response, 200, "text/event-stream"),
    work: [
      call,
      ["listTools", { timeoutMs: 20_000 }],
      ["getPrompt", "p", {}, { timeoutMs: 20_000 }],
      ["callTool", "u", {}, { timeoutMs: 20_000 }],
    ],
  });
  expect(outcomes.map(({ ok }) => ok)).toEqual([false, false, false, false]);
  expect(outcomes[0]?.message).toContain(`encoded as "${encoding}"`);
  expect(grownMB).toBeLessThan(60);
}

/** JSON of so many levels. */
export const deep = (levels: number): string => `${'{"x":'.repeat(levels)}1${"}".repeat(levels)}`;
