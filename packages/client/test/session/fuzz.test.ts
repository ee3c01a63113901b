import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { MinionClient } from "../../src/index.js";
import { start } from "../support.js";
import { temporaryFolder } from "./support.js";

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const messages = Number(process.env.FUZZ_MESSAGES ?? 10_000);
const timeout = 120_000;

/** What a server may write instead of a message, in the grammar of JSON-RPC and of everything that servers do to it. */
const any = fc.jsonValue({ maxDepth: 2 });
const id = fc.oneof(fc.integer({ min: -2, max: 40 }), fc.constantFrom("1", "x", null, 1e21, 0.5), any);
const method = fc.constantFrom(
  "ping",
  "sampling/createMessage",
  "roots/list",
  "notifications/message",
  "notifications/progress",
  "notifications/tools/list_changed",
  "notifications/cancelled",
  "no/such",
  "",
);
const params = fc.oneof(any, fc.record({ progressToken: id, progress: any, total: any }), fc.record({ requestId: id }));
const error = fc.record({ code: fc.oneof(fc.integer(), any), message: fc.oneof(fc.string(), any), data: any });
const message = fc.oneof(
  fc.record({ jsonrpc: fc.constantFrom("2.0", "1.0", null), id, method, params }, { requiredKeys: ["method"] }),
  fc.record({ jsonrpc: fc.constant("2.0"), id, method, params }, { requiredKeys: ["jsonrpc", "method"] }),
  // Not the answers to real requests, whose ids are small: those would be right to take.
  fc.record(
    { jsonrpc: fc.constant("2.0"), id: fc.integer({ min: 1_000_000 }), result: any, error },
    { requiredKeys: ["jsonrpc", "id"] },
  ),
);
const whole = fc.oneof(message, fc.array(message, { maxLength: 3 }), any).map((value) => JSON.stringify(value));
const noise = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "\uFEFF",
    "\u001b[31m",
    "[{",
    "{{{{",
    '{"a":',
    "]",
    "\u0000",
    "\r",
    "data:",
    "event: x",
    ": comment",
    '{"jsonrpc":"2.0"',
  ),
  fc.tuple(whole, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))),
);
const line = fc
  .oneof({ arbitrary: whole, weight: 3 }, { arbitrary: noise, weight: 1 })
  .map((text) => text.replace(/[\r\n]/g, " "));

function lines(): string[] {
  console.log(`FUZZ_SEED=${seed} FUZZ_MESSAGES=${messages}`);
  return fc.sample(line, { numRuns: messages, seed });
}

async function survives(client: MinionClient): Promise<void> {
  const stray: unknown[] = [];
  const note = (reason: unknown): number => stray.push(reason);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  onTestFinished(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });
  for (let call = 0; call < 10; call++) expect(await client.callTool("s", "t")).toEqual({ content: [] });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stray).toEqual([]);
}

const options = { capabilities: { sampling: {}, roots: {} }, onServerRequest: async () => ({ roots: [] }) };

test("M7: whatever else is written to stdout, every call gets its own answer", { timeout }, async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "lines.json"), JSON.stringify(lines()));
  writeFileSync(
    join(folder, "server.mjs"),
    `
import { readFileSync } from "node:fs";
const lines = JSON.parse(readFileSync(${JSON.stringify(join(folder, "lines.json"))}, "utf8"));
const part = Math.ceil(lines.length / 10);
let rest = "";
process.stdin.on("data", (chunk) => {
  rest += chunk;
  const all = rest.split("\\n");
  rest = all.pop();
  for (const one of all) {
    const { id, method, params } = JSON.parse(one);
    const send = (result) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, result }) + "\\n");
    if (id === undefined || method === undefined) continue;
    if (method === "initialize") send({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } });
    else if (method === "tools/call") { for (const line of lines.splice(0, part)) process.stdout.write(line + "\\n"); send({ content: [] }); }
    else send({});
  }
});
process.stdin.on("end", () => process.exit(0));
`,
  );
  const { client } = start({ s: { command: process.execPath, args: [join(folder, "server.mjs")] } }, options);
  await survives(client);
});

test("M7: whatever else is in the streams of replies, every call gets its own answer", { timeout }, async () => {
  const all = lines();
  const part = Math.ceil(all.length / 10);
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (request.method !== "POST") return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(body);
      if (id === undefined || method === undefined) return response.writeHead(202).end();
      const initialized = {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "s", version: "1" },
      };
      const result = method === "initialize" ? initialized : { content: [] };
      response.writeHead(200, { "content-type": "text/event-stream" });
      if (method === "tools/call") for (const one of all.splice(0, part)) response.write(`data: ${one}\n\n`);
      response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const { client } = start({ s: { url: `http://127.0.0.1:${port}/mcp` } }, options);
  await survives(client);
});
