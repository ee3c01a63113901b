import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { MinionClient } from "../../src/index.js";
import { start } from "../support.js";
import { temporaryFolder } from "./support.js";

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
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
  "notifications/resources/updated",
  "notifications/subscriptions/acknowledged",
  "subscriptions/listen",
  "server/discover",
  "elicitation/create",
  "no/such",
  "",
);
const meta = fc.record({ "io.modelcontextprotocol/subscriptionId": id, progressToken: id });
const params = fc.oneof(
  any,
  fc.record({ progressToken: id, progress: any, total: any }),
  fc.record({ requestId: id }),
  fc.record({ _meta: fc.oneof(meta, any), uri: any, notifications: any }, { requiredKeys: [] }),
);
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

async function survives(client: MinionClient, expected: object): Promise<void> {
  const stray: unknown[] = [];
  const note = (reason: unknown): number => stray.push(reason);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  onTestFinished(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });
  for (let call = 0; call < 10; call++) expect(await client.callTool("s", "t")).toEqual(expected);
  await new Promise((resolve) => setImmediate(resolve));
  expect(stray).toEqual([]);
}

const options = { capabilities: { sampling: {}, roots: {} }, onServerRequest: async () => ({ roots: [] }) };
const eras = ["legacy", "modern"] as const;
type Era = (typeof eras)[number];
const capabilities = { tools: { listChanged: true }, resources: { subscribe: true } };
const serverInfo = { name: "s", version: "1" };

/** What a server of an era says to begin with; undefined of what it does not know. */
function greeting(era: Era): Readonly<Record<string, object>> {
  return era === "legacy"
    ? { initialize: { protocolVersion: "2025-11-25", capabilities, serverInfo } }
    : { "server/discover": { resultType: "complete", supportedVersions: ["2026-07-28"], capabilities } };
}

const result = (era: Era): object => (era === "legacy" ? { content: [] } : { resultType: "complete", content: [] });

interface Asked {
  readonly id?: number;
  readonly method?: string;
}

/** A server over HTTP, of which `reply` answers what is no greeting. */
async function httpServer(era: Era, reply: (asked: Asked, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (request.method !== "POST") return response.writeHead(405).end();
      const asked: Asked = JSON.parse(body);
      const { id, method = "" } = asked;
      if (id === undefined || asked.method === undefined) return response.writeHead(202).end();
      const known = greeting(era)[method];
      if (known === undefined && method !== "tools/call" && method !== "subscriptions/listen")
        return answer(response, { id, error: { code: -32_601, message: "unknown" } });
      if (known === undefined) return reply(asked, response);
      return answer(response, { id, result: known });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
}

function answer(response: ServerResponse, message: object): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

/** Tests what becomes of calls among so many things that are no answers to them. */
export function testFuzz(messages: number): void {
  console.log(`FUZZ_SEED=${seed} FUZZ_MESSAGES=${messages}`);
  const lines: readonly string[] = fc.sample(line, { numRuns: messages, seed });

  test.each(eras)(
    "M7: whatever else a %s server writes to stdout, every call gets its own answer",
    { timeout },
    async (era) => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, "lines.json"), JSON.stringify(lines));
      writeFileSync(
        join(folder, "server.mjs"),
        `
import { readFileSync } from "node:fs";
const lines = JSON.parse(readFileSync(${JSON.stringify(join(folder, "lines.json"))}, "utf8"));
const greeting = ${JSON.stringify(greeting(era))};
const part = Math.ceil(lines.length / 10);
let rest = "";
process.stdin.on("data", (chunk) => {
  rest += chunk;
  const all = rest.split("\\n");
  rest = all.pop();
  for (const one of all) {
    const { id, method, params } = JSON.parse(one);
    const send = (answer) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, ...answer }) + "\\n");
    if (id === undefined || method === undefined) continue;
    if (greeting[method] !== undefined) send({ result: greeting[method] });
    else if (method === "tools/call") { for (const line of lines.splice(0, part)) process.stdout.write(line + "\\n"); send({ result: ${JSON.stringify(result(era))} }); }
    else send({ error: { code: -32601, message: "unknown" } });
  }
});
process.stdin.on("end", () => process.exit(0));
`,
      );
      const { client } = start({ s: { command: process.execPath, args: [join(folder, "server.mjs")] } }, options);
      await survives(client, result(era));
    },
  );

  test.each(eras)(
    "M7: whatever else is in the streams of a %s server, every call gets its own answer",
    { timeout },
    async (era) => {
      const all = [...lines];
      const part = Math.ceil(all.length / 11);
      const url = await httpServer(era, ({ id, method }, response) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        for (const one of all.splice(0, part)) response.write(`data: ${one}\n\n`);
        const said = { jsonrpc: "2.0", id, result: result(era) };
        if (method === "tools/call") response.end(`data: ${JSON.stringify(said)}\n\n`);
      });
      const { client } = start({ s: { url, type: "http" } }, options);
      await survives(client, result(era));
    },
  );

  test.each(eras)(
    "M7: whatever a %s server answers in one piece, the call ends with an answer or an error of ours, and the next works",
    {
      timeout,
    },
    async (era) => {
      const all = lines.slice(0, messages / 20);
      let body: string | undefined;
      const url = await httpServer(era, ({ id, method }, response) => {
        if (method === "subscriptions/listen")
          return answer(response, { id, error: { code: -32_601, message: "unknown" } });
        if (body === undefined) return answer(response, { id, result: result(era) });
        response
          .writeHead(200, { "content-type": "application/json" })
          .end(body.replaceAll('"id":1000000', `"id":${id}`));
      });
      const { client } = start(
        { s: { url, type: "http" } },
        { ...options, defaults: { retry: false, breaker: false } },
      );
      for (const [index, one] of all.entries()) {
        body = one;
        const error: unknown = await client.callTool("s", "t", {}, { timeoutMs: 30_000 }).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        const code: unknown = error === undefined ? 0 : Reflect.get(Object(error), "code");
        expect([one, typeof code === "number" || String(code).startsWith("ERR_MCP_"), String(error)]).toEqual([
          one,
          true,
          expect.anything(),
        ]);
        body = undefined;
        if (index % 50 === 0) expect(await client.callTool("s", "t")).toMatchObject({ content: [] });
      }
      await survives(client, result(era));
    },
  );
}
