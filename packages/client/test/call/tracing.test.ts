import { McpError } from "@modelcontextprotocol/sdk/types.js";
import { context, propagation, ROOT_CONTEXT, type SpanContext, trace } from "@opentelemetry/api";
import { expect, test } from "vitest";
import { memoryServer, rejection, start } from "../support.js";
import { chaosHttp } from "../support-client.js";
import { recordSpans } from "./recorded-spans.js";

test("M15: the call's span goes into _meta as traceparent, next to the caller's own fields", async () => {
  const spans = recordSpans();
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callTool("one", "echo", { a: 1 }, { meta: { mine: true } });
  const span = spans.find(({ name }) => name === "tools/call echo");
  expect(server.calls[0]?._meta).toMatchObject({
    mine: true,
    traceparent: `00-${span?.context.traceId}-${span?.context.spanId}-01`,
  });
  expect(server.calls[0]?.arguments).toEqual({ a: 1 });
  expect(span).toMatchObject({ ends: 1, status: undefined, parent: undefined });
  expect(span?.options.kind).toBe(2);
  expect(span?.attributes).toEqual({
    "mcp.method.name": "tools/call",
    "mcp.server.name": "one",
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "echo",
  });
});

test("M15: the span is a child of the caller's", async () => {
  const spans = recordSpans();
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const parent: SpanContext = {
    traceId: "11111111111111111111111111111111",
    spanId: "2222222222222222",
    traceFlags: 1,
  };
  await context.with(trace.setSpanContext(ROOT_CONTEXT, parent), () => client.callTool("one", "echo"));
  expect(spans.find(({ name }) => name === "tools/call echo")?.parent).toEqual(parent);
  expect(server.calls[0]?._meta).toMatchObject({ traceparent: expect.stringContaining(parent.traceId) });
});

test("M15: lists are traced too; an error says what kind it was, and no more", async () => {
  const spans = recordSpans();
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, retry: false } });
  await client.listTools("one");
  expect(spans.find(({ name }) => name === "tools/list")?.attributes).toMatchObject({
    "mcp.method.name": "tools/list",
  });
  server.call = () => Promise.reject(new McpError(-32_602, "a secret of the server"));
  await rejection(client.callTool("one", "a"));
  server.call = () => ({ content: [], isError: true });
  await client.callTool("one", "b");
  const failed = spans.filter(({ status }) => status !== undefined);
  expect(failed.map(({ name, attributes }) => [name, attributes["error.type"]])).toEqual([
    ["tools/call a", "-32602"],
    ["tools/call b", "tool_error"],
  ]);
  expect(spans.every(({ ends }) => ends === 1)).toBe(true);
  expect(JSON.stringify(spans)).not.toContain("a secret of the server");
});

test("M15: without a tracer there is no field, and no _meta", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callTool("one", "echo");
  await client.listTools("one");
  expect(server.calls[0]).not.toHaveProperty("_meta");
  expect(server.lists[0]?._meta).toBeUndefined();
});

test("M15: a span tells the prompt and the network transport, and a propagator that adds nothing leaves no _meta", async () => {
  const spans = recordSpans();
  propagation.disable();
  const chaos = await chaosHttp({ prompts: 1 });
  const server = memoryServer();
  const { client } = start({ web: { url: chaos.url }, one: server.config });
  const [prompt] = await client.listPrompts("web");
  await client.getPrompt("web", prompt?.name ?? "");
  expect(spans.find(({ name }) => name === `prompts/get ${prompt?.name}`)?.attributes).toEqual({
    "mcp.method.name": "prompts/get",
    "mcp.server.name": "web",
    "network.transport": "tcp",
    "gen_ai.prompt.name": prompt?.name,
  });
  await client.callTool("one", "echo");
  expect(server.calls[0]).not.toHaveProperty("_meta");
});
