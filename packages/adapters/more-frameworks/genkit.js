import assert from "node:assert/strict";
import { test } from "node:test";
import { createMcpHost } from "@genkit-ai/mcp";
import { minionTransport } from "@minion/adapters/transport";
import { genkit } from "genkit";
import { callsOf, chaosAndMinion } from "./servers.js";

/** Genkit with the client as the transport of its MCP host, and a model that calls a tool once and then says "done". */
async function genkitOver(test, client) {
  const ai = genkit({});
  let use = { name: "", args: {} };
  let last;
  const model = ai.defineModel({ name: "mock" }, async ({ messages, tools = [] }) => {
    last = messages.at(-1);
    if (last?.role === "tool") return { message: { role: "model", content: [{ text: "done" }] }, finishReason: "stop" };
    const { name } = tools.find((tool) => tool.name.split("/").at(-1) === use.name) ?? assert.fail("no such tool");
    const toolRequest = { name, input: use.args, ref: "1" };
    return { message: { role: "model", content: [{ toolRequest }] }, finishReason: "stop" };
  });
  const host = createMcpHost({ name: "host", mcpServers: { chaos: { transport: minionTransport(client, "chaos") } } });
  test.after(() => host.close());
  await host.ready();
  const tools = await host.getActiveTools(ai);
  return async (name, args = {}) => {
    use = { name, args };
    const { text } = await ai.generate({ model, tools, prompt: "go" });
    return { text, output: last?.content[0]?.toolResponse?.output };
  };
}

test("A12: Genkit lists and calls tools through Minion", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  const run = await genkitOver(t, client);
  assert.deepEqual(await run("order", { key: "a" }), { text: "done", output: "ordered" });
  assert.equal(callsOf(server, "order"), 1);
});

test("A12: a lost session is renewed under Genkit, and the call made once", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  const run = await genkitOver(t, client);
  server.forgetSessions();
  assert.deepEqual(await run("order", { key: "a" }), { text: "done", output: "ordered" });
});

test("A4: an answer that is lost after the effect is not asked for again, and Genkit rejects with what is known", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  const run = await genkitOver(t, client);
  server.set({ resetSocket: true, when: "after", only: "calls", times: 1 });
  await assert.rejects(run("order", { key: "a" }), (error) => {
    assert.match(error.message, /may have run\. Look before you repeat it/);
    assert.doesNotMatch(error.message, /try again|fix your mistakes/i);
    return true;
  });
  assert.equal(callsOf(server, "order"), 1);
  assert.deepEqual(await run("order", { key: "b" }), { text: "done", output: "ordered" });
});

test("A2: a result with isError reaches the model as an error under Genkit", async (t) => {
  const { client } = await chaosAndMinion(t);
  const run = await genkitOver(t, client);
  assert.deepEqual(await run("refuse"), { text: "done", output: { error: "no such order" } });
});
