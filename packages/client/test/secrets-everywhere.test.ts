import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { temporaryFolder } from "./session/support.js";
import { spellings } from "./spellings.js";
import { start, until } from "./support.js";

const values = {
  env: "Zx81/abc+XYZ==17&more",
  lines: "-----BEGIN TEST KEY-----\nMIIEvLine0001qkiG9w0\nBAQEFLine0002BKcwgg\n-----END TEST KEY-----\n",
  ended: "tok-Ended0123456789\n",
  argument: "key-778899aabbcc",
  word: "tok-ccddeeff0011",
};
const words = [
  values.env,
  "MIIEvLine0001qkiG9w0",
  "BAQEFLine0002BKcwgg",
  values.ended.trim(),
  values.argument,
  values.word,
];
const spelled = spellings(words);

/** A server that says all of it by every way that it has. */
const source = `
const all = ${JSON.stringify(spelled.join(" "))};
const send = (message) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\\n");
process.stderr.write("started " + all + "\\n");
let rest = "";
process.stdin.on("data", (chunk) => {
  rest += chunk;
  const lines = rest.split("\\n");
  rest = lines.pop();
  for (const line of lines) answer(JSON.parse(line));
});
process.stdin.on("end", () => process.exit(0));
function answer({ id, method, params }) {
  if (id === undefined) return;
  if (method === "initialize") return send({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: { listChanged: true }, logging: {} }, serverInfo: { name: "s", version: "1" } } });
  if (method === "tools/list") return send({ id, result: { tools: [
    { name: "t", inputSchema: { type: "object" } },
    { name: "s", inputSchema: { type: "object" }, outputSchema: { required: [all], $comment: all } },
    { name: "u", inputSchema: { type: "object" }, outputSchema: { $ref: "#/" + all } },
    { name: "new " + all, inputSchema: { type: "object" } },
    { name: "bad " + all, inputSchema: all },
  ] } });
  const kind = params?.name ?? method;
  if (kind === "t") return send({ id, error: { code: -32000, message: "denied " + all, data: { [all]: [all, { deep: all }] } } });
  if (kind === "s" || kind === "u") return send({ id, result: { content: [], structuredContent: {} } });
  if (kind === "die") { process.stderr.write("dying " + all + "\\n", () => process.exit(3)); return; }
  if (kind === "note") send({ method: "notifications/message", params: { level: "info", data: { [all]: all } } });
  if (kind === "wrong") return send({ id, result: all });
  send({ id, result: { content: [] } });
}
`;

test("M16: a server that says every secret in every spelling by every way tells nobody", async () => {
  const script = join(temporaryFolder(), "server.mjs");
  writeFileSync(script, source);
  const { client, events } = start(
    {
      one: {
        command: process.execPath,
        args: [script, `--api-key=${values.argument}`, "--token", values.word],
        env: { SETTING: values.env, PEM: values.lines, OTHER: values.ended },
      },
    },
    { defaults: { retry: false, breaker: false } },
  );
  const told: unknown[] = [];
  const note = async (run: Promise<unknown>): Promise<void> => {
    await run.then(
      () => undefined,
      (error: unknown) => void told.push(error),
    );
  };
  await note(client.listTools("one"));
  for (const tool of ["t", "s", "u", "note", "wrong", `new ${spelled.join(" ")}`, "die"])
    await note(client.callTool("one", tool));
  await note(client.request("one", "resources/read", { uri: "x" }));
  told.push(await client.connect());
  await until(() => events.some(({ type }) => type === "serverNotification"), "the log message is told");
  await client.close();
  told.push(client.status(), events);
  const seen = told.map((one) =>
    inspect(one, { depth: 20, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null }),
  );
  expect(seen.join("\n")).toContain("denied");
  expect(seen.join("\n")).toContain("started");
  for (const text of seen)
    for (const word of spelled) {
      const at = text.indexOf(word);
      expect(at === -1 ? "" : text.slice(Math.max(0, at - 80), at + 80)).toBe("");
    }
});
