import { spawn } from "node:child_process";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { type Exchange, startRawServer } from "./raw-server.js";

const timeout = 120_000;
const megabyte = 1_000_000;
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
async function attacked({ post, get, work, forMs, heapMB = 64, policy = {} }: Attack): Promise<Report> {
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
const answering =
  (method: string, text: () => string, member = "result") =>
  ({ message, response }: Exchange): boolean =>
    message.method === method && json(response, message.id, member, text());

const deep = (levels: number): string => `${'{"x":'.repeat(levels)}1${"}".repeat(levels)}`;
const call = ["callTool", "t", {}, { timeoutMs: 20_000 }] as const;

test("M7: pages without end", { timeout }, async () => {
  let page = 0;
  const tools = (): string => {
    page += 1;
    const list = Array.from({ length: 100 }, (_, i) => ({
      name: `t${page}_${i}`,
      description: "d".repeat(1_000),
      inputSchema: { type: "object" },
    }));
    return JSON.stringify({ tools: list, nextCursor: `c${page}` });
  };
  const { outcomes } = await attacked({
    post: answering("tools/list", tools),
    work: [["listTools", { timeoutMs: 60_000 }]],
  });
  expect(outcomes[0]).toMatchObject({ ok: false, code: "ERR_MCP_MESSAGE_TOO_LARGE" });
  expect(page).toBeLessThan(45);
});

test("M7: empty pages without end", { timeout }, async () => {
  let page = 0;
  const { outcomes } = await attacked({
    post: answering("tools/list", () => {
      page += 1;
      return JSON.stringify({ tools: [], nextCursor: `c${page}` });
    }),
    work: [["listTools", { timeoutMs: 60_000 }]],
  });
  expect(outcomes[0]).toMatchObject({ ok: false, code: "ERR_MCP_MESSAGE_TOO_LARGE" });
  expect(page).toBeLessThanOrEqual(1_001);
});

test.each([
  ["a result", "result", (text: string) => `{"content":[],"structuredContent":${text}}`],
  ["the data of an error", "error", (text: string) => `{"code":-32000,"message":"no","data":${text}}`],
  ["the metadata of a result", "result", (text: string) => `{"content":[],"_meta":${text}}`],
  ["a result that is no result", "result", (text: string) => text],
])("M7: JSON 200,000 levels deep in %s", { timeout }, async (_, member, around) => {
  const { outcomes } = await attacked({
    post: answering("tools/call", () => around(deep(200_000)), member),
    work: [call, call],
  });
  expect(outcomes).toHaveLength(2);
});

test("M7, M17: JSON 200,000 levels deep in a list, its schemas and their content", { timeout }, async () => {
  const listing = answering("tools/list", () => {
    const tool = `{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"properties":{"x":${'{"not":'.repeat(200_000)}{}${"}".repeat(200_000)}}}}`;
    return `{"tools":[${tool},{"name":"u","inputSchema":{"type":"object"},"_meta":${deep(200_000)}}]}`;
  });
  const calling = answering("tools/call", () => `{"content":[],"structuredContent":${deep(1_000)}}`);
  const { outcomes } = await attacked({
    post: (exchange) => listing(exchange) || calling(exchange),
    work: [["listTools", { timeoutMs: 60_000 }], call],
  });
  expect(outcomes[1]).toMatchObject({ ok: true });
});

test("M7: the message of an error of 41 MB, where so much is allowed and where it is not", { timeout }, async () => {
  const post = answering(
    "tools/call",
    () => `{"code":-32000,"message":"${"long ".repeat((41 * megabyte) / 5)}"}`,
    "error",
  );
  const refused = await attacked({ post, work: [call] });
  expect(refused.outcomes[0]).toMatchObject({ ok: false, code: "ERR_MCP_MESSAGE_TOO_LARGE" });
  const read = await attacked({ post, work: [call], heapMB: 200, policy: { maxMessageBytes: 64 * megabyte } });
  expect(read.outcomes[0]).toMatchObject({ ok: false, code: -32_000 });
  expect(read.grownMB).toBeLessThan(256);
});

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
const data = (message: object): string => `data: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;

test.each([
  ["log messages", (n: number) => data({ method: "notifications/message", params: { level: "info", data: n } })],
  ["requests", (n: number) => data({ id: n, method: "roots/list" })],
  ["answers to nobody", (n: number) => data({ id: `x${n}`, result: {} })],
  ["progress of nobody", (n: number) => data({ method: "notifications/progress", params: { progressToken: n } })],
  ["events of ever new types", (n: number) => `event: type-${n}\ndata: {}\n\n`],
  ["ever new ids of events", (n: number) => `id: ${n}\ndata: {}\n\n`],
  ["nothing but ids", (n: number) => `id:${n}\n`],
  ["notifications of ever new methods", (n: number) => data({ method: `notifications/${n}`, params: { n } })],
  ["requests of ever new methods", (n: number) => data({ id: n, method: `ask/${n}` })],
  ["comments", (n: number) => `: ${n}\n\n`],
  ["messages that are lists", (n: number) => `data: [${"[],".repeat(50)}${n}]\n\n`],
])("M10: a flood of %s for two seconds", { timeout }, async (_, event) => {
  await attacked({
    post: pouring(event),
    work: [["callTool", "t", {}, { timeoutMs: 2_500 }]],
    forMs: 2_000,
  });
});

/** A frame of Zstandard with blocks of one byte each that stands for 128 kB: nothing here can make one otherwise. */
function zstdBomb(bytes: number): Buffer {
  const blocks = Math.ceil(bytes / 131_072);
  const pieces: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x70])];
  for (let at = 1; at <= blocks; at++) {
    const header = (131_072 << 3) | (1 << 1) | Number(at === blocks);
    pieces.push(Buffer.from([header & 0xff, (header >> 8) & 0xff, (header >> 16) & 0xff, 0x20]));
  }
  return Buffer.concat(pieces);
}

const large = (): Buffer => Buffer.alloc(100 * megabyte, " ");
const bombs: readonly (readonly [encoding: string, bomb: () => Buffer])[] = [
  ["gzip", () => gzipSync(large())],
  ["br", () => brotliCompressSync(large())],
  ["deflate", () => deflateSync(large())],
  ["zstd", () => zstdBomb(100 * megabyte)],
  ["gzip, gzip", () => gzipSync(gzipSync(large()))],
];

test.each(bombs)(
  "M7: a bomb behind content-encoding %s, on every kind of answer",
  { timeout },
  async (encoding, make) => {
    const bomb = make();
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
  },
);
