import { startChaosServer } from "@minion/chaos";
import {
  Client as ClientV2,
  StreamableHTTPClientTransport,
  InMemoryTransport as TransportV2,
} from "@modelcontextprotocol/client";
import type { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { expect, expectTypeOf, onTestFinished, test } from "vitest";
import type { McpSession } from "../src/index.js";
import { serverRequests } from "../src/servers.js";
import { memoryServer, rejection, start, tool, until } from "./support.js";

async function chaosServer(faults = {}) {
  const chaos = await startChaosServer({ protocol: "legacy", faults });
  onTestFinished(() => chaos.close());
  return chaos;
}

test("M13: clients of both SDK lines fit McpSession as they are", () => {
  expectTypeOf<ClientV1>().toExtend<McpSession>();
  expectTypeOf<ClientV2>().toExtend<McpSession>();
  expect(TransportV2).toBeTypeOf("function");
});

test("M13: results pass through unchanged: structured content, _meta, resource links, and what is not known yet", async () => {
  const result = {
    content: [
      { type: "text", text: "hi", annotations: { audience: ["user"], priority: 0.5 }, _meta: { a: 1 } },
      { type: "resource_link", uri: "file:///a", name: "a", mimeType: "text/plain", size: 7, _meta: { b: 2 } },
      { type: "resource", resource: { uri: "file:///b", text: "b", _meta: { c: 3 } } },
      { type: "image", data: "AAAA", mimeType: "image/png" },
    ],
    structuredContent: { deep: { er: [1, null, "x"] } },
    _meta: { "example.com/id": 7 },
    unheardOf: { yes: true },
  };
  const server = memoryServer({ call: () => result });
  const { client } = start({ one: server.config });
  expect(await client.callTool("one", "any")).toEqual(result);
});

test("M13: what a tool is described with passes through unchanged", async () => {
  const described = tool("a", {
    title: "A",
    description: "does a",
    annotations: { readOnlyHint: true },
    outputSchema: { type: "object" },
    icons: [{ src: "data:," }],
    _meta: { a: 1 },
    unheardOf: 1,
  });
  const { client } = start({ one: memoryServer({ list: () => ({ tools: [described] }) }).config });
  expect(await client.listTools("one")).toEqual([described]);
});

test("M13: arguments and _meta reach the server as they are", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const args = { list: [1, { two: null }], text: "\u2028 漢😀", __proto__x: 1 };
  await client.callTool("one", "any", args, { meta: { "example.com/a": { b: [1] } } });
  expect(server.calls[0]).toMatchObject({ name: "any", arguments: args, _meta: { "example.com/a": { b: [1] } } });
});

test("M13: all progress is told before the result is, also what arrives together with it", async () => {
  for (const faults of [{ reply: "sse" }, { reply: "sse", chunkBytes: 1 }]) {
    const chaos = await chaosServer(faults);
    const { client } = start({ one: { url: chaos.url } });
    const seen: unknown[] = [];
    await client.callTool("one", "progress", { steps: 50, ms: 0 }, { onProgress: (progress) => seen.push(progress) });
    expect(seen).toHaveLength(50);
    expect(seen.at(-1)).toMatchObject({ progress: 50, total: 50 });
  }
});

test("M13: progress of a server in memory is told before the result, and a listener that throws changes nothing", async () => {
  const server = memoryServer({
    call: async (params, behind) => {
      const meta = params?._meta;
      const progressToken = typeof meta === "object" && meta !== null ? Reflect.get(meta, "progressToken") : undefined;
      for (let progress = 1; progress <= 20; progress++)
        await behind.notification({
          method: "notifications/progress",
          params: { progressToken, progress, message: "m" },
        });
      return { content: [] };
    },
  });
  const { client } = start({ one: server.config });
  const seen: number[] = [];
  const onProgress = ({ progress }: { readonly progress: number }): void => {
    seen.push(progress);
    throw new Error("from a listener");
  };
  await client.callTool("one", "any", {}, { onProgress });
  expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

test("M13: a listener to progress that rejects is no unhandled rejection", async () => {
  const chaos = await chaosServer({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url } });
  let told = 0;
  const onProgress = async (): Promise<void> => {
    told += 1;
    throw new Error("from a listener");
  };
  await client.callTool("one", "progress", { steps: 3, ms: 0 }, { onProgress });
  expect(told).toBe(3);
});

test("M13: what a server asks that no client answers is refused without asking onServerRequest", async () => {
  const asked: string[] = [];
  const answer = serverRequests(async ({ method }) => void asked.push(method))?.("one", undefined);
  const context = { signal: new AbortController().signal, call: undefined };
  expect(await rejection(answer?.("tools/call", {}, context) ?? Promise.resolve())).toBeInstanceOf(TypeError);
  await answer?.("roots/list", {}, context);
  expect(asked).toEqual(["roots/list"]);
});

test("M13: elicitation, sampling and roots reach onServerRequest and its answers the server", async () => {
  const chaos = await chaosServer({ reply: "sse" });
  const asked: unknown[] = [];
  const { client } = start(
    { one: { url: chaos.url } },
    {
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      onServerRequest: async ({ server, method, params }, { signal }) => {
        expect(signal.aborted).toBe(false);
        asked.push([server, method, params]);
        if (method === "elicitation/create") return { action: "accept", content: { answer: "42" } };
        if (method === "roots/list") return { roots: [{ uri: "file:///home", name: "home" }] };
        return { role: "assistant", model: "none", content: { type: "text", text: "hello" } };
      },
    },
  );
  const answer = async (name: string, args: Record<string, unknown>): Promise<unknown> => {
    const [first] = (await client.callTool("one", name, args)).content;
    return first?.type === "text" ? JSON.parse(first.text) : undefined;
  };
  expect(await answer("elicit", { message: "which?" })).toMatchObject({ action: "accept", content: { answer: "42" } });
  expect(await answer("sample", { prompt: "say hello" })).toMatchObject({ content: { type: "text", text: "hello" } });
  expect(await answer("roots", {})).toMatchObject({ roots: [{ uri: "file:///home", name: "home" }] });
  expect(asked).toMatchObject([
    ["one", "elicitation/create", { message: "which?" }],
    ["one", "sampling/createMessage", { maxTokens: 100 }],
    ["one", "roots/list", expect.anything()],
  ]);
});

test("M13: a handler that fails is the server's error, not the client's end", async () => {
  const chaos = await chaosServer({ reply: "sse" });
  const { client } = start(
    { one: { url: chaos.url } },
    { capabilities: { elicitation: {} }, onServerRequest: () => Promise.reject(new Error("no user here")) },
  );
  await client.callTool("one", "elicit", { message: "which?" }).catch(() => {});
  expect(await client.callTool("one", "echo", { text: "still here" })).toMatchObject({
    content: [{ text: "still here" }],
  });
});

test("M2, M13: an abort rejects with the caller's reason and tells the server", async () => {
  const chaos = await chaosServer();
  const { client } = start({ one: { url: chaos.url } });
  const caller = new AbortController();
  const call = client.callTool("one", "hang", {}, { signal: caller.signal });
  await until(() => chaos.journal().some((e) => e.event === "request" && e.method === "tools/call"), "the call");
  const reason = { why: "enough" };
  caller.abort(reason);
  expect(await rejection(call)).toBe(reason);
  await until(() => chaos.journal().some((e) => e.event === "cancelled"), "the notification");
});

test("M13: JSON-RPC errors are the SDK's own, with code and data", async () => {
  const chaos = await chaosServer();
  const { client } = start({ one: { url: chaos.url } });
  const error = await rejection(client.callTool("one", "rpcError", { code: -32_055, message: "my own" }));
  expect(error).toMatchObject({ name: "McpError", code: -32_055, message: expect.stringContaining("my own") });
});

test("M13: resources and prompts are read", async () => {
  const chaos = await chaosServer();
  const { client } = start({ one: { url: chaos.url } });
  const [resource] = await client.listResources("one");
  expect((await client.readResource("one", resource?.uri ?? "")).contents).toHaveLength(1);
  const [prompt] = await client.listPrompts("one");
  expect((await client.getPrompt("one", prompt?.name ?? "")).messages.length).toBeGreaterThan(0);
});

test("M13: a client of SDK v2 through connect: calls, progress, lists, notifications, errors, ping and repair", async () => {
  const chaos = await chaosServer({ reply: "sse" });
  let opened = 0;
  const { client } = start({
    two: {
      connect: async () => {
        const session = new ClientV2({ name: "v2", version: "1.0.0" });
        await session.connect(new StreamableHTTPClientTransport(new URL(chaos.url)));
        opened += 1;
        return session;
      },
    },
  });
  const seen: unknown[] = [];
  expect(await client.callTool("two", "echo", { text: "hi" })).toMatchObject({
    content: [{ type: "text", text: "hi" }],
  });
  await client.callTool("two", "progress", { steps: 5, ms: 0 }, { onProgress: (one) => seen.push(one) });
  expect(seen).toHaveLength(5);
  expect((await client.listTools("two")).map(({ name }) => name)).toContain("echo");
  expect(await client.callTool("two", "fail")).toMatchObject({ isError: true });
  expect(await rejection(client.callTool("two", "rpcError", { code: -32_055 }))).toMatchObject({ code: -32_055 });
  expect(await rejection(client.callTool("two", "badStructured"))).toMatchObject({ code: "ERR_MCP_OUTPUT_SCHEMA" });
  expect(await client.ping("two")).toBeGreaterThan(0);
  expect(opened).toBe(1);
  chaos.forgetSessions();
  const calls = await Promise.all(Array.from({ length: 8 }, () => client.callTool("two", "echo", { text: "again" })));
  expect(calls).toHaveLength(8);
  expect(opened).toBe(2);
}, 30_000);
