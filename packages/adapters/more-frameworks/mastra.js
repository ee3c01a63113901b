import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent } from "@mastra/core/agent";
import { toAiSdkTools } from "@minion/adapters/ai-sdk";
import { MockLanguageModelV4 } from "ai/test";
import { callsOf, chaosAndMinion } from "./servers.js";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

/** A model that calls a tool once and then says "done", and what it was told of the call. */
function modelThatCalls(name, args) {
  let last;
  const doGenerate = async ({ prompt }) => {
    last = prompt.at(-1);
    const isDone = last?.role === "tool";
    return {
      content: isDone
        ? [{ type: "text", text: "done" }]
        : [{ type: "tool-call", toolCallId: "call-1", toolName: name, input: JSON.stringify(args) }],
      finishReason: { unified: isDone ? "stop" : "tool-calls", raw: "" },
      usage,
      warnings: [],
    };
  };
  const doStream = async (options) => {
    const { content, finishReason } = await doGenerate(options);
    const parts = content.flatMap((part) =>
      part.type === "text"
        ? [
            { type: "text-start", id: "t" },
            { type: "text-delta", id: "t", delta: part.text },
            { type: "text-end", id: "t" },
          ]
        : [part],
    );
    const all = [{ type: "stream-start", warnings: [] }, ...parts, { type: "finish", finishReason, usage }];
    return { stream: ReadableStream.from(all) };
  };
  return { model: new MockLanguageModelV4({ doGenerate, doStream }), told: () => last?.content?.[0]?.output };
}

/** Runs an agent of Mastra whose tools are the client's. */
async function run(client, name, args = {}, options = {}) {
  const { model, told } = modelThatCalls(name, args);
  const tools = await toAiSdkTools(client);
  const agent = new Agent({ id: "agent", name: "agent", instructions: "Order.", model, tools });
  const { text } = await agent.generate("go", { maxSteps: 3, ...options });
  return { text, output: told() };
}

test("A1: the model reads the text of a tool under Mastra", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  const expected = { text: "done", output: { type: "text", value: "ordered" } };
  assert.deepEqual(await run(client, "mcp_chaos_order", { key: "a" }), expected);
  assert.equal(callsOf(server, "order"), 1);
});

test("A1: images are files, and text with them parts, under Mastra", async (t) => {
  const { client } = await chaosAndMinion(t);
  const { output } = await run(client, "mcp_chaos_content", { kinds: ["text", "image"] });
  assert.equal(output.type, "content");
  assert.deepEqual(
    output.value.map(({ type }) => type === "text"),
    [true, false],
  );
});

test("A12: a lost session is renewed under Mastra, and the call made", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  await client.listAllTools();
  server.forgetSessions();
  const { output } = await run(client, "mcp_chaos_order", { key: "a" });
  assert.deepEqual(output, { type: "text", value: "ordered" });
});

test("A4: an answer that is lost after the effect is not asked for again, and the model of Mastra reads what is known", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  await client.listAllTools();
  server.set({ resetSocket: true, when: "after", only: "calls", times: 1 });
  const { output } = await run(client, "mcp_chaos_order", { key: "a" });
  assert.equal(output.type, "error-text");
  assert.match(output.value, /may have run\. Look before you repeat it/);
  assert.doesNotMatch(output.value, /try again|fix your mistakes/i);
  assert.equal(callsOf(server, "order"), 1);
});

test("A2: a result with isError reaches the model as an error under Mastra", async (t) => {
  const { client } = await chaosAndMinion(t);
  const { output } = await run(client, "mcp_chaos_refuse");
  assert.deepEqual(output, { type: "error-text", value: "no such order" });
});

test("A3: the signal of a run of Mastra ends the call, and the server is told", async (t) => {
  const { server, client } = await chaosAndMinion(t);
  const own = new AbortController();
  const running = run(client, "mcp_chaos_hang", {}, { abortSignal: own.signal }).catch((error) => error);
  while (callsOf(server, "hang") === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  own.abort(new Error("enough"));
  await running;
  const isCancelled = () => server.journal().some(({ event }) => event === "cancelled");
  while (!isCancelled()) await new Promise((resolve) => setTimeout(resolve, 10));
});
