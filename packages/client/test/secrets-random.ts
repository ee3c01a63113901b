import { writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { Metrics } from "@minion/metrics";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { ServerConfig } from "../src/index.js";
import { type Recorded, recordSpans } from "./call/recorded-spans.js";
import { temporaryFolder } from "./session/support.js";
import { spellings } from "./spellings.js";
import { start } from "./support.js";

const timeout = 300_000;
const seed = Number(process.env.SECRET_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** As values of real configurations are; each begins with letters that nothing else here is made of. */
const secret = fc
  .tuple(
    fc.stringMatching(/^[Zz][Qq][0-9]{6}$/),
    fc.oneof(
      fc.base64String({ minLength: 8, maxLength: 40 }),
      fc.stringMatching(/^[A-Za-z0-9+/=_.!'()*&<>-]{8,30}$/),
      fc.uuid(),
    ),
  )
  .map(([begin, end]) => `${begin}${end}x`);

/** In a path only what looks like a token is a secret. */
const pathToken = fc
  .tuple(fc.stringMatching(/^[Zz][Qq][0-9]{6}$/), fc.oneof(fc.base64String({ minLength: 8, maxLength: 40 }), fc.uuid()))
  .map(([begin, end]) => `${begin}${end}x`);

/** Of one configuration: what each kind of secret is. */
const values = fc.record({
  env: secret,
  pem: secret,
  argument: secret,
  word: secret,
  header: secret,
  query: secret,
  path: pathToken,
  password: secret,
});
type Values = typeof values extends fc.Arbitrary<infer T> ? T : never;

/** What a server says, by the method or the tool that is asked for, where `all` is every secret in every spelling. */
const answers = (all: string): Readonly<Record<string, object>> => ({
  initialize: {
    result: {
      protocolVersion: "2025-11-25",
      capabilities: { tools: { listChanged: true }, resources: {}, prompts: {}, logging: {} },
      serverInfo: { name: `s ${all}`, version: all },
      instructions: all,
    },
  },
  "tools/list": {
    result: {
      tools: [
        { name: "misfit", inputSchema: { type: "object" }, outputSchema: { required: [all], $comment: all } },
        { name: "unchecked", inputSchema: { type: "object" }, outputSchema: { $ref: `#/${all}` } },
        { name: "pattern", inputSchema: { type: "object" }, outputSchema: { pattern: `(${all}`, type: [all] } },
        { name: `named ${all}`, inputSchema: { type: "object" } },
        { name: `malformed ${all}`, inputSchema: all },
      ],
    },
  },
  "prompts/list": { result: { prompts: [{ [all]: all }, { name: 1, description: all }], nextCursor: all } },
  "resources/list": { error: { code: -32_603, message: all, data: { [all]: all } } },
  "resources/read": { error: { code: all, message: { [all]: all }, data: all } },
  "prompts/get": { result: { [all]: all } },
  error: { error: { code: -32_000, message: `denied ${all}`, data: { [all]: [all, { deep: all }], stack: all } } },
  misfit: { result: { content: [], structuredContent: { [all]: all } } },
  unchecked: { result: { content: [], structuredContent: {} } },
  pattern: { result: { content: [], structuredContent: all } },
  wrong: { result: all },
  failed: { result: { content: [{ type: "text", text: all }], isError: true } },
  noResult: { [all]: all },
});
const tools = ["error", "misfit", "unchecked", "pattern", "wrong", "failed", "noResult", "named", "status", "die"];
const notifications = (all: string): readonly object[] => [
  { method: "notifications/message", params: { level: all, logger: all, data: { [all]: all } } },
  { method: "notifications/progress", params: { progressToken: all, progress: 1, message: all } },
  { method: `notifications/${all}`, params: { [all]: all } },
  { id: all, method: `ask/${all}`, params: { [all]: all } },
  { id: all, error: { code: -1, message: all } },
];

const isPlain = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);

/** Everything that leaves a client that lists, calls and fails at a server by every way there is. */
async function everythingOf(config: ServerConfig, all: string): Promise<Readonly<Record<string, unknown>>> {
  const printed: unknown[] = [];
  for (const name of ["log", "warn", "error", "info", "debug"] as const) {
    const before = console[name];
    console[name] = (...words) => void printed.push(words);
    onTestFinished(() => {
      console[name] = before;
    });
  }
  const spans: readonly Recorded[] = recordSpans();
  const { client, events } = start({ one: config }, { defaults: { retry: false, breaker: { openMs: 1 } } });
  const metrics = new Metrics({ maxToolsPerServer: 100, aliases: ["phase-3", "tutorial-4"] }).watchClient(client);
  const errors: unknown[] = [];
  const note = async (run: Promise<unknown>): Promise<void> => {
    await run.catch((error: unknown) => errors.push(error));
  };
  const limits = { timeoutMs: 10_000 };
  await note(client.listTools("one", limits));
  for (const tool of tools) {
    await note(client.callTool("one", tool === "named" ? `named ${all}` : tool, {}, limits));
  }
  await note(client.request("one", "resources/read", { uri: `x:${all}` }, limits));
  await note(client.getPrompt("one", all, {}, limits));
  await note(client.listPrompts("one", limits));
  await note(client.listResources("one", limits));
  const report = await client.connect();
  const catalog = await client.listAllTools(limits);
  for (const { name } of catalog.tools) await note(client.callQualified(name, {}, limits));
  const figures = { text: await metrics.text(), snapshot: metrics.snapshot() };
  const status = client.status();
  await client.close({ graceMs: 0 });
  // Tools themselves are results, which pass through as they are.
  const { tools: _, ...problems } = catalog;
  return { errors, events, report, problems, status, last: client.status(), spans, figures, printed, client };
}

function expectSilent(places: Readonly<Record<string, unknown>>, spelled: readonly string[]): void {
  for (const [place, value] of Object.entries(places)) {
    const text = inspect(value, {
      depth: 20,
      showHidden: true,
      getters: true,
      maxStringLength: null,
      maxArrayLength: null,
    });
    const messages = Array.isArray(value) ? value.map((one) => (one instanceof Error ? one.stack : "")).join("\n") : "";
    for (const word of spelled) {
      for (const seen of [text, messages]) {
        const at = seen.indexOf(word);
        const told = at === -1 ? "" : seen.slice(Math.max(0, at - 200), at + 100);
        expect({ place, word: at === -1 ? "" : word, told }).toEqual({ place, word: "", told: "" });
      }
    }
  }
}

/** A server over HTTP that says all of it, also in statuses, headers and addresses. */
async function httpServer(says: () => string): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method !== "POST") return void response.writeHead(405).end();
    reply(JSON.parse(Buffer.concat(chunks).toString("utf8")), says(), request, response);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Posted {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly name?: string };
}

function reply({ id, method = "", params }: Posted, all: string, request: IncomingMessage, response: ServerResponse) {
  const kind = method === "tools/call" ? (params?.name ?? "") : method;
  if (id === undefined) return void response.writeHead(202).end();
  const header = isPlain(all) ? all : encodeURIComponent(all);
  if (kind === "status")
    return void response
      .writeHead(500, `Failed ${header}`, { "content-type": `text/plain; x="${header}"`, location: header })
      .end(`${all} ${request.url} ${JSON.stringify(request.headers)} ${all}`);
  if (kind === "die") {
    const challenge = `Bearer error="${header}", error_description="${header}", scope="${header}"`;
    return void response.writeHead(401, { "www-authenticate": challenge }).end(all);
  }
  const said = answers(all);
  const known = Object.hasOwn(said, kind) ? said[kind] : { result: { content: [] } };
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`event: ${all.replace(/[\r\n]/g, " ")}\ndata: {}\n\n: ${all.replace(/[\r\n]/g, " ")}\n\n`);
  if (method !== "initialize")
    for (const one of notifications(all)) response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", ...one })}\n\n`);
  response.end(`data: ${JSON.stringify({ jsonrpc: "2.0", id, ...known })}\n\n`);
}

const script = `
import { readFileSync } from "node:fs";
const { all, answers, notifications } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
process.stderr.write("started " + all + "\\n");
process.stdout.write(all + "\\n{" + all + "\\n");
let rest = "";
process.stdin.on("data", (chunk) => {
  rest += chunk;
  const lines = rest.split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) continue;
    const kind = method === "tools/call" ? params.name : method;
    if (kind === "die") { process.stderr.write("dying " + all, () => process.exit(3)); continue; }
    if (method !== "initialize") for (const one of notifications) send(one);
    send({ id, ...(answers[kind] ?? { result: { content: [] } }) });
  }
});
process.stdin.on("end", () => process.exit(0));
`;

/** Tests so many configurations whose secrets are random, of each kind. */
export function testSecrets(runs: { readonly ofUrls: number; readonly ofProcesses: number }): void {
  test("M16: whatever the secrets of a URL and of headers are, nothing that leaves says them", {
    timeout,
  }, async () => {
    console.log(`SECRET_SEED=${seed}`);
    let all = "";
    const host = await httpServer(() => all);
    await fc.assert(
      fc.asyncProperty(values, async ({ header, query, path, password }: Values) => {
        const spelled = spellings([header, query, path, password]);
        all = spelled.join(" ");
        const url = `http://user:${encodeURIComponent(password)}@${host}/${encodeURIComponent(path)}/mcp?api_key=${encodeURIComponent(query)}`;
        const config = { url, type: "http", headers: { Authorization: `Bearer ${header}` } } as const;
        expectSilent(await everythingOf(config, all), spelled);
      }),
      { seed, numRuns: runs.ofUrls, endOnFailure: true },
    );
  });

  test("M16: whatever the secrets of the environment and of arguments are, nothing that leaves says them", {
    timeout,
  }, async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "server.mjs"), script);
    await fc.assert(
      fc.asyncProperty(values, async ({ env, pem, argument, word }: Values) => {
        const lines = `-----BEGIN KEY-----\n${pem}\n${pem.toUpperCase()}\n-----END KEY-----\n`;
        const spelled = spellings([env, pem, pem.toUpperCase(), argument, word]);
        const all = spelled.join(" ");
        const said = join(folder, "said.json");
        writeFileSync(said, JSON.stringify({ all, answers: answers(all), notifications: notifications(all) }));
        const config = {
          command: process.execPath,
          args: [join(folder, "server.mjs"), said, `--api-key=${argument}`, "--token", word],
          env: { SETTING: env, PEM: lines },
        };
        expectSilent(await everythingOf(config, all), spelled);
      }),
      { seed, numRuns: runs.ofProcesses, endOnFailure: true },
    );
  });
}
