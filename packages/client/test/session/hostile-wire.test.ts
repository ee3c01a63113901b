import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, describe, expect, test } from "vitest";
import { MinionClient } from "../../src/index.js";
import { rejection, start, until } from "../support.js";

/** A server over stdio whose answers to tools are this body of a function; it sees `id`, `params`, `send` and `raw`. */
function serverOf(body: string, setup = ""): { readonly command: string; readonly args: readonly string[] } {
  const script = `
const raw = (text) => process.stdout.write(text);
const send = (message) => raw(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
${setup}
let rest = "";
process.stdin.on("data", (chunk) => {
  rest += chunk;
  const lines = rest.split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    const { id, method, params } = message;
    if (method === undefined) { answered?.(message); continue; }
    if (id === undefined) continue;
    if (method === "initialize") send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } } });
    else if (method === "tools/call") { ${body} }
    else send({ id, result: {} });
  }
});
process.stdin.on("end", () => process.exit(0));
var answered;
`;
  return { command: process.execPath, args: ["--input-type=module", "-e", script] };
}

/** One client and one process for all rows of a table: each row is a body, which the name of the tool chooses. */
function clientOfAll(bodies: readonly string[]): (row: string) => Promise<CallToolResult> {
  const cases = bodies.map((body) => `if (params.name === ${JSON.stringify(body)}) { ${body} }`);
  let client: MinionClient | undefined;
  afterAll(() => client?.close({ graceMs: 0 }));
  return (body) => {
    client ??= new MinionClient({ servers: { s: serverOf(cases.join("\n")) } });
    return client.callTool("s", body);
  };
}

test("M10: of 300 requests at once 32 are answered by the application, and the others by -32000", async () => {
  let open = 0;
  let most = 0;
  const server = serverOf(`
    const told = { refused: 0, answered: 0 };
    answered = ({ error }) => {
      if (error?.code === -32000) told.refused += 1; else told.answered += 1;
      if (told.refused === 268) send({ id, result: { content: [], structuredContent: told } });
    };
    for (let i = 0; i < 300; i++) send({ id: "r" + i, method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } });
  `);
  const { client } = start(
    { s: server },
    {
      capabilities: { sampling: {} },
      onServerRequest: () => {
        open += 1;
        most = Math.max(most, open);
        return new Promise(() => {});
      },
    },
  );
  const result = await client.callTool("s", "t");
  expect(result.structuredContent).toEqual({ refused: 268, answered: 0 });
  expect(most).toBe(32);
});

test.each([
  ["a byte order mark", "\\uFEFF"],
  ["words without a line end", "Loading... "],
  ["a colour code", "\\u001b[2K\\r"],
  ["a line with a brace that is no message", "config {a: 1}\\n"],
  ["a list that is no batch", "[1, 2, 3]\\n"],
])("M7: on stdout before the first message: %s", async (_, noise) => {
  const { client } = start({ s: serverOf(`send({ id, result: { content: [] } });`, `raw("${noise}");`) });
  expect(await client.callTool("s", "t")).toEqual({ content: [] });
});

test("M7: a batch is taken apart, with noise before it too", async () => {
  const { client } = start({
    s: serverOf(
      `raw("x [" + JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: null }) + "," + JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } }) + "]\\n");`,
    ),
  });
  expect(await client.callTool("s", "t")).toEqual({ content: [] });
});

test("M7: the text of an error is bounded and free of what steers a terminal", async () => {
  const { client } = start({
    s: serverOf(
      `send({ id, error: { code: -32000, message: "no \\u001b[31mred\\u0007 \\u202ewords\\r\\n\\ttab " + "long ".repeat(100000) } });`,
    ),
  });
  const error = await rejection(client.callTool("s", "t"));
  expect(error).toMatchObject({ code: -32_000, message: expect.stringContaining("no red words\n\ttab long") });
  expect(String(error).length).toBeLessThan(2_200);
});

test("M10: a server that floods and never reads is given up or held, and its neighbour goes on", async () => {
  const flood = serverOf(
    "",
    `setInterval(() => { let text = ""; for (let i = 0; i < 500; i++) text += JSON.stringify({ jsonrpc: "2.0", id: i, method: "ping" }) + "\\n"; raw(text); }, 1); setTimeout(() => process.stdin.pause(), 500);`,
  );
  const good = serverOf(`send({ id, result: { content: [] } });`);
  const { client } = start({ flood: { ...flood, closeTimeoutMs: 500 }, good });
  void client.connect({ servers: ["flood"] }).catch(() => {});
  let calls = 0;
  await until(() => client.status().some(({ name, connected }) => name === "flood" && connected), "the flood runs");
  for (; calls < 100; calls++) await client.callTool("good", "t");
  expect(calls).toBe(100);
});

/** Counts the handlers that are open, none of which ever settles, and notes the most. */
function countingHandlers(): { readonly most: () => number; readonly onServerRequest: () => Promise<never> } {
  let open = 0;
  return {
    most: () => open,
    onServerRequest: () => {
      open += 1;
      return new Promise(() => {});
    },
  };
}

const ask = `(id) => send({ id, method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } })`;

test.each([
  ["that all have one id", `for (let i = 0; i < 300; i++) ask("same");`],
  [
    "that are taken back at once",
    `for (let i = 0; i < 300; i++) { ask("r" + i); send({ method: "notifications/cancelled", params: { requestId: "r" + i } }); }`,
  ],
])("M10: of 300 requests %s 32 are open", async (_, flood) => {
  const server = serverOf(`const ask = ${ask}; ${flood} setTimeout(() => send({ id, result: { content: [] } }), 300);`);
  const { most, onServerRequest } = countingHandlers();
  const { client } = start({ s: server }, { capabilities: { sampling: {} }, onServerRequest });
  expect(await client.callTool("s", "t")).toEqual({ content: [] });
  expect(most()).toBe(32);
});

test("M10: of the requests of one server over several connections 32 are open in all", async () => {
  const server = serverOf(
    `const ask = ${ask}; for (let i = 0; i < 20; i++) ask("r" + i); setTimeout(() => send({ id, result: { content: [] } }), 300);`,
  );
  const { most, onServerRequest } = countingHandlers();
  const { client } = start({ s: server }, { capabilities: { sampling: {} }, onServerRequest });
  await using first = await client.session("s");
  await using second = await client.session("s");
  await Promise.all([first.callTool("t"), second.callTool("t")]);
  expect(most()).toBe(32);
});

test("M7: an entry of a list that is nested too deeply is left out and told, the others kept", async () => {
  const listing = `
const deep = '{"x":'.repeat(5000) + "1" + "}".repeat(5000);
process.stdin.on("data", (chunk) => {
  for (const line of String(chunk).split("\\n").filter(Boolean)) {
    const { id, method } = JSON.parse(line);
    const tools = '[{"name":"deep","inputSchema":{"type":"object","x":' + deep + '}},{"name":"t","inputSchema":{"type":"object"}}]';
    if (method === "tools/list") raw('{"jsonrpc":"2.0","id":' + id + ',"result":{"tools":' + tools + '}}\\n');
  }
});`;
  const server = serverOf("", listing);
  const { client, events } = start({ s: server });
  const tools = await client.listTools("s");
  expect(tools.map(({ name }) => name)).toEqual(["t"]);
  expect(events).toContainEqual(
    expect.objectContaining({ type: "malformedTool", tool: "deep", message: expect.stringContaining("1000 levels") }),
  );
});

describe("an id that is none", () => {
  const rows: readonly (readonly [method: string, what: string, id: string])[] = [
    ["ping", "an array", `"[".repeat(100_000) + "]".repeat(100_000)`],
    ["ping", "an object", `'{"a":'.repeat(100_000) + "1" + "}".repeat(100_000)`],
    ["roots/list", "an array", `"[".repeat(100_000) + "]".repeat(100_000)`],
    ["ping", "true", `"true"`],
  ];
  const bodyOf = ([method, , id]: (typeof rows)[number]): string =>
    `raw('{"jsonrpc":"2.0","method":"${method}","id":' + ${id} + "}\\n"); send({ id, result: { content: [] } });`;
  const call = clientOfAll(rows.map(bodyOf));
  test.each(rows)("M7: a request (%s) whose id is %s is none, however deep it is", async (...row) => {
    expect(await call(bodyOf(row))).toEqual({ content: [] });
    expect(await call(bodyOf(row))).toEqual({ content: [] });
  });
});

const answer = `JSON.stringify({ jsonrpc: "2.0", id, result: { content: [] } })`;

describe("a line with a message and more", () => {
  const rows = [
    ["a NUL behind it", `${answer} + "\\0\\n"`],
    ["a colour code on both sides", `"\\u001b[32m" + ${answer} + "\\u001b[0m\\n"`],
    ["words behind it", `${answer} + " INFO: done\\n"`],
    ["words with braces before it", `'INFO {"level": 1} [12:00] {x} ' + ${answer} + "\\n"`],
    ["an open brace before it", `"{ starting " + ${answer} + "\\n"`],
    [
      "another message before it",
      `'{"jsonrpc":"2.0","method":"notifications/message","params":{}}' + ${answer} + "\\n"`,
    ],
  ] as const;
  const call = clientOfAll(rows.map(([, text]) => `raw(${text});`));
  test.each(rows)("M7: a message is read from a line with %s", async (_, text) => {
    expect(await call(`raw(${text});`)).toEqual({ content: [] });
  });
});

test("M7: a message is read from a line with the end of the process right behind it", async () => {
  const { client } = start({ s: serverOf(`raw(${answer}); setTimeout(() => process.exit(), 50);`) });
  expect(await client.callTool("s", "t")).toEqual({ content: [] });
});

test("M10: a line of a million open braces is noise that costs next to nothing", async () => {
  const { client } = start({
    s: serverOf(
      `for (let i = 0; i < 20; i++) raw("{".repeat(1_000_000) + "\\n"); send({ id, result: { content: [] } });`,
    ),
  });
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 5);
  try {
    expect(await client.callTool("s", "t")).toEqual({ content: [] });
  } finally {
    clearInterval(timer);
  }
  expect(longest).toBeLessThan(1_000);
});

describe("an error that is not as it should be", () => {
  const rows = [
    ["a string", `"no such city"`, { code: -32_603, message: expect.stringContaining("no such city") }],
    [
      "without a code",
      `{ message: "no such city" }`,
      { code: -32_603, message: expect.stringContaining("no such city") },
    ],
    ["with a code in quotes", `{ code: "-32602", message: "no such city" }`, { code: -32_602 }],
    [
      "with a message that is no text",
      `{ code: 7, message: { why: "no such city" } }`,
      { code: 7, message: expect.stringContaining("no such city") },
    ],
    ["of members of its own", `{ reason: "no such city" }`, { message: expect.stringContaining("no such city") }],
  ] as const;
  const call = clientOfAll(rows.map(([, error]) => `send({ id, error: ${error} });`));
  test.each(rows)("M7: an error that is %s is the server's answer, in its words", async (_, error, told) => {
    expect(await rejection(call(`send({ id, error: ${error} });`))).toMatchObject({ name: "McpError", ...told });
  });
});

test("M7: what is not of its type beside a progress costs that member, not the progress", async () => {
  const { client } = start({
    s: serverOf(`
      const token = params._meta.progressToken;
      const tell = (more) => send({ method: "notifications/progress", params: { progressToken: token, ...more } });
      tell({ progress: 1, total: "10" }); tell({ progress: 2, message: 5 }); tell({ progress: "3" }); tell({ progress: 4, total: 10, message: "four" });
      send({ id, result: { content: [] } });
    `),
  });
  const seen: unknown[] = [];
  await client.callTool("s", "t", {}, { onProgress: (progress) => seen.push(progress) });
  expect(seen).toEqual([{ progress: 1 }, { progress: 2 }, { progress: 4, total: 10, message: "four" }]);
});

test("M6: a server that closes its output and lives on has ended: its call is told, the next one has another", async () => {
  const body = `if (params.name === "close") { fs.closeSync(1); setInterval(() => {}, 1_000); } else send({ id, result: { content: [] } });`;
  const { client } = start({ s: serverOf(body, `import fs from "node:fs";`) });
  const error = await rejection(client.callTool("s", "close", {}, { timeoutMs: 20_000 }));
  expect(error).toMatchObject({
    code: "ERR_MCP_OUTCOME_UNKNOWN",
    message: expect.stringContaining("closed its output"),
  });
  expect(await client.callTool("s", "t")).toEqual({ content: [] });
});
