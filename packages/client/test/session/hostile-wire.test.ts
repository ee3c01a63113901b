import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rejection, start, until } from "../support.js";
import { temporaryFolder } from "./support.js";

/** A server over stdio whose answers to tools are this body of a function; it sees `id`, `params`, `send` and `raw`. */
function serverOf(body: string, setup = ""): { readonly command: string; readonly args: readonly string[] } {
  const script = join(temporaryFolder(), "server.mjs");
  writeFileSync(
    script,
    `
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
`,
  );
  return { command: process.execPath, args: [script] };
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
