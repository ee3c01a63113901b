import { setImmediate } from "node:timers/promises";
import { createMCPClient } from "@ai-sdk/mcp";
import { mcpToTool } from "@google/genai";
import { loadMcpTools } from "@langchain/mcp-adapters";
import { type JsonRpcMessage, type McpTransport, minionTransport } from "@minion/adapters/transport";
import type { ChaosServer, Faults } from "@minion/chaos";
import type { MinionClient } from "@minion/client";
import { Client as ClientV2 } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import {
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { expect, onTestFinished, test, vi } from "vitest";
import { chaosAndMinion, count } from "../support/servers.js";

const info = { name: "tester", version: "1.0.0" };

interface Bench {
  readonly server: ChaosServer;
  readonly client: MinionClient;
  readonly transport: McpTransport;
  readonly v1: ClientV1;
}

/** An SDK v1 client whose transport is Minion. */
async function bench(
  faults: Partial<Faults> = {},
  options: { timeoutMs?: number; principal?: string } = {},
): Promise<Bench> {
  const { server, client } = await chaosAndMinion(faults);
  const transport = minionTransport(client, "chaos", options);
  const v1 = new ClientV1(info);
  await v1.connect(transport);
  onTestFinished(() => v1.close());
  return { server, client, transport, v1 };
}

/** A transport without a client: what is sent goes by hand, what comes is kept. */
async function bare(faults: Partial<Faults> = {}) {
  const { server, client } = await chaosAndMinion(faults);
  const transport = minionTransport(client, "chaos");
  const got: (JsonRpcMessage & { id?: unknown; error?: unknown; result?: unknown })[] = [];
  transport.onmessage = (message) => got.push(message);
  await transport.start();
  onTestFinished(() => transport.close());
  const send = (message: object, signal?: AbortSignal) =>
    transport.send({ jsonrpc: "2.0", ...message }, signal === undefined ? {} : { signal });
  const answerOf = (id: number) =>
    vi.waitFor(() => got.find((message) => message.id === id) ?? expect.fail(`no answer to ${id}`), 20_000);
  return { server, client, transport, got, send, answerOf };
}

test("A12: an SDK v1 Client gets tools, resources, prompts, completions, progress and logs through Minion", async () => {
  const { v1 } = await bench({ reply: "sse" });
  expect(v1.getServerVersion()?.name).toMatch(/chaos/);
  await v1.ping();
  expect((await v1.listTools()).tools.length).toBeGreaterThan(20);
  expect((await v1.listResources()).resources.length).toBe(2);
  expect((await v1.listResourceTemplates()).resourceTemplates.length).toBe(1);
  const { prompts } = await v1.listPrompts();
  expect(prompts.length).toBe(2);
  const { resources } = await v1.listResources();
  expect((await v1.readResource({ uri: resources[0]?.uri ?? "" })).contents.length).toBe(1);
  expect((await v1.getPrompt({ name: prompts[0]?.name ?? "" })).messages.length).toBeGreaterThan(0);
  expect(
    (
      await v1.complete({
        ref: { type: "ref/resource", uri: "chaos://text/{word}" },
        argument: { name: "word", value: "a" },
      })
    ).completion.values.length,
  ).toBeGreaterThan(0);
  const progress: number[] = [];
  await v1.callTool({ name: "progress", arguments: { steps: 3, ms: 1 } }, undefined, {
    onprogress: (step) => progress.push(step.progress),
  });
  expect(progress).toEqual([1, 2, 3]);
  const logs: unknown[] = [];
  v1.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void logs.push(params.data));
  await v1.callTool({ name: "log", arguments: { level: "info", text: "a line" } });
  await vi.waitFor(() => expect(logs).toContain("a line"), 20_000);
});

test("A12: SDK v2 Client, createMCPClient, loadMcpTools and mcpToTool call tools through Minion", async () => {
  const { server, client } = await chaosAndMinion();
  const args = { text: "hello" };
  const v2 = new ClientV2(info);
  await v2.connect(minionTransport(client, "chaos"));
  expect((await v2.callTool({ name: "echo", arguments: args })).content).toEqual([{ type: "text", text: "hello" }]);

  const ai = await createMCPClient({ transport: minionTransport(client, "chaos") });
  const echo = (await ai.tools()).echo;
  expect(await echo?.execute(args, { toolCallId: "1", messages: [], context: {} })).toMatchObject({
    content: [{ type: "text", text: "hello" }],
  });

  const v1 = new ClientV1(info);
  await v1.connect(minionTransport(client, "chaos"));
  const tool = (await loadMcpTools("chaos", v1)).find(({ name }) => name === "echo");
  expect(await tool?.invoke(args)).toBe("hello");

  const google = mcpToTool(v1);
  await google.tool();
  expect(JSON.stringify(await google.callTool([{ name: "echo", args }]))).toContain("hello");
  expect(count(server, "request", "echo")).toBe(4);
  await Promise.all([v2.close(), ai.close(), v1.close()]);
  expect((await client.callTool("chaos", "echo", args)).content).toEqual([{ type: "text", text: "hello" }]);
});

test("A12: a lost session is invisible, and an outcome that is unknown arrives with what is known of it", async () => {
  const { server, v1 } = await bench();
  server.forgetSessions();
  expect((await v1.callTool({ name: "echo", arguments: { text: "a" } })).isError).toBeUndefined();
  server.set({ resetSocket: true, when: "after", only: "calls", times: 1 });
  await expect(v1.callTool({ name: "sideEffect", arguments: { key: "k" } })).rejects.toMatchObject({
    code: -32603,
    data: { code: "ERR_MCP_OUTCOME_UNKNOWN", server: "chaos", delivery: "sent" },
  });
  expect(count(server, "sideEffect")).toBe(1);
});

test("A12: the server's own errors keep code, message and data; a method that nobody knows is -32601", async () => {
  const { send, answerOf } = await bare({
    extraTools: [{ name: "broken", error: { code: -32050, message: "no ink", data: { tray: 2 } } }],
  });
  await send({ id: 1, method: "tools/call", params: { name: "broken" } });
  // The chaos server writes the code into the message that it sends, as servers built on the SDK do; it is not doubled.
  const message = "MCP error -32050: no ink";
  expect((await answerOf(1)).error).toEqual({ code: -32050, message, data: { tray: 2 } });
  for (const [id, method] of ["server/discover", "no/such/method"].entries()) {
    await send({ id: id + 2, method });
    expect((await answerOf(id + 2)).error).toMatchObject({ code: -32601 });
  }
  await send({ id: 9, method: "tools/call", params: { name: "echo", arguments: "hello" } });
  expect((await answerOf(9)).error).toMatchObject({ code: -32602 });
});

test("A12: a cancellation by notification and one by the signal of send end the call, tell the server, and stay unanswered", async () => {
  const { server, got, send, answerOf } = await bare();
  const controller = new AbortController();
  await send({ id: 1, method: "tools/call", params: { name: "hang" } });
  await send({ id: 2, method: "tools/call", params: { name: "hang" } }, controller.signal);
  await vi.waitFor(() => expect(count(server, "request", "hang")).toBe(2), 20_000);
  await send({ method: "notifications/cancelled", params: { requestId: 1 } });
  controller.abort();
  await vi.waitFor(() => expect(count(server, "cancelled", "hang")).toBe(2), 20_000);
  await send({ id: 3, method: "tools/call", params: { name: "hang" } }, AbortSignal.abort());
  await send({ id: 4, method: "tools/call", params: { name: "echo", arguments: { text: "a" } } });
  await answerOf(4);
  expect(got.map(({ id }) => id)).toEqual([4]);
  expect(count(server, "request", "hang")).toBe(2);
});

test("A12: what is cancelled, or closed, in the turn in which it is sent reaches no server", async () => {
  const { server, client, transport, got, send } = await bare();
  await client.listTools("chaos");
  const call = (id: number, key: string): Promise<void> =>
    send({ id, method: "tools/call", params: { name: "sideEffect", arguments: { key } } });
  await Promise.all([
    call(1, "cancelled"),
    send({ method: "notifications/cancelled", params: { requestId: 1 } }),
    call(2, "closed"),
    transport.close(),
  ]);
  await client.callTool("chaos", "sideEffect", { key: "later" });
  expect(server.journal().flatMap((entry) => (entry.event === "sideEffect" ? [entry.key] : []))).toEqual(["later"]);
  expect(got).toEqual([]);
});

test("A12: of two that subscribe to one resource, the one that goes away takes nothing from the other", async () => {
  const { server, transport, got, send, answerOf } = await bare();
  await send({ id: 1, method: "initialize", params: { protocolVersion: "2025-11-25" } });
  await answerOf(1);
  const gone = new AbortController();
  const params = { uri: "chaos://text/a" };
  await send({ id: 2, method: "resources/subscribe", params }, gone.signal);
  await send({ id: 3, method: "resources/subscribe", params });
  await setImmediate();
  gone.abort();
  expect(await answerOf(3)).toMatchObject({ result: {} });
  server.resourceUpdated(params.uri);
  await vi.waitFor(() => expect(JSON.stringify(got)).toContain("notifications/resources/updated"), 20_000);
  await transport.close();
});

test("A12: close ends the calls in flight, tells the server, delivers nothing more, leaves no listener and the client open", async () => {
  const { server, client, transport, got, send } = await bare();
  const unsubscribed = vi.fn();
  const original = client.subscribe.bind(client);
  const second = minionTransport(
    Object.assign(Object.create(client), {
      subscribe: (listener: Parameters<typeof original>[0]) => {
        const stop = original(listener);
        return () => {
          unsubscribed();
          stop();
        };
      },
    }),
    "chaos",
  );
  expect(unsubscribed).not.toHaveBeenCalled();
  await second.start();
  await second.close();
  expect(unsubscribed).toHaveBeenCalledTimes(1);

  const closed = vi.fn();
  transport.onclose = closed;
  await send({ id: 1, method: "tools/call", params: { name: "hang" } });
  await vi.waitFor(() => expect(count(server, "request", "hang")).toBe(1), 20_000);
  await transport.close();
  await transport.close();
  await vi.waitFor(() => expect(count(server, "cancelled", "hang")).toBe(1), 20_000);
  expect(closed).toHaveBeenCalledTimes(1);
  await expect(send({ id: 2, method: "ping" })).rejects.toThrow("closed");
  await client.callTool("chaos", "echo", { text: "a" });
  expect(got).toEqual([]);
});

test("A12: what a handler throws goes to onerror and ends nothing", async () => {
  const { transport, send, got, answerOf } = await bare();
  const errors: string[] = [];
  const keep = transport.onmessage;
  transport.onerror = ({ message }) => errors.push(message);
  transport.onmessage = () => {
    throw new Error("not known to me");
  };
  await send({ id: 1, method: "ping" });
  await vi.waitFor(() => expect(errors).toEqual(["not known to me"]));
  if (keep !== undefined) transport.onmessage = keep;
  await send({ id: 2, method: "ping" });
  expect((await answerOf(2)).result).toEqual({});
  expect(got.length).toBe(1);
});

test("A12: start contacts nobody, a message before it is refused, and a transport starts once", async () => {
  const { server, client } = await chaosAndMinion();
  const transport = minionTransport(client, "chaos");
  await expect(transport.send({ jsonrpc: "2.0" })).rejects.toThrow("not started");
  await transport.start();
  await expect(transport.start()).rejects.toThrow(/started before/);
  expect(count(server, "http")).toBe(0);
  expect(() => minionTransport(client, "chaos", { timeout: 3 } as object)).toThrow(/there is no option "timeout"/);
  await transport.close();
});

test("A12: a change of the tool list and of a subscribed resource reaches the client", async () => {
  const { server, v1 } = await bench();
  const changed = vi.fn();
  const updated: string[] = [];
  v1.setNotificationHandler(ToolListChangedNotificationSchema, changed);
  v1.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri));
  const uri = (await v1.listResources()).resources[0]?.uri ?? "";
  await v1.subscribeResource({ uri });
  await v1.listTools();
  await vi.waitFor(() => {
    server.listChanged();
    expect(changed).toHaveBeenCalled();
  }, 20_000);
  server.resourceUpdated(uri);
  await vi.waitFor(() => expect(updated).toContain(uri), 20_000);
  await v1.unsubscribeResource({ uri });
});

test("A12: 100 calls at once get their own answers, and timeoutMs bounds each", async () => {
  const { v1 } = await bench({}, { timeoutMs: 20_000 });
  const texts = Array.from({ length: 100 }, (_, index) => `call ${index}`);
  const answers = await Promise.all(texts.map((text) => v1.callTool({ name: "echo", arguments: { text } })));
  expect(answers.map(({ content }) => content)).toEqual(texts.map((text) => [{ type: "text", text }]));
  const { v1: hasty } = await bench({}, { timeoutMs: 300 });
  await expect(hasty.callTool({ name: "hang" })).rejects.toMatchObject({
    data: { code: "ERR_MCP_TIMEOUT", delivery: "sent" },
  });
});

test("A11: a transport asks on behalf of its principal, and hears nothing that another principal's connection says", async () => {
  const seen = new Set<unknown>();
  const { client } = await chaosAndMinion();
  const watched: MinionClient = Object.assign(Object.create(client), {
    listTools: (server: string, options: { principal?: string }) => {
      seen.add(options.principal);
      return client.listTools(server, options);
    },
    subscribe: (listener: (event: object) => void) => {
      listener({ type: "listChanged", list: "tools", server: "chaos", principal: "bob", at: 0 });
      listener({ type: "listChanged", list: "tools", server: "other", principal: "ada", at: 0 });
      listener({ type: "listChanged", list: "prompts", server: "chaos", principal: "ada", at: 0 });
      return () => {};
    },
    serverInfo: client.serverInfo.bind(client),
  });
  const transport = minionTransport(watched, "chaos", { principal: "ada" });
  const got: unknown[] = [];
  transport.onmessage = (message) => got.push(message);
  await transport.start();
  await transport.send({ jsonrpc: "2.0", id: 1, method: "tools/list" } as JsonRpcMessage);
  await vi.waitFor(() => expect(got.length).toBe(2), 20_000);
  expect(got[0]).toEqual({ jsonrpc: "2.0", method: "notifications/prompts/list_changed" });
  expect([...seen]).toEqual(["ada"]);
  await transport.close();
});
