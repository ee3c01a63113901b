import { startChaosServer } from "@minion/chaos";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/sdk/validation/ajv";
import { expect, onTestFinished, test, vi } from "vitest";
import { OutputSchemaError } from "../../src/index.js";
import { memoryServer, ofType, rejection, start, statusOf, tool } from "../support.js";

async function chaosServer(faults = {}) {
  const chaos = await startChaosServer({ faults });
  onTestFinished(() => chaos.close());
  return chaos;
}

test("M7: structured content that does not fit is ERR_MCP_OUTPUT_SCHEMA, and the server is not blamed", async () => {
  const chaos = await chaosServer();
  const { client, events } = start({ one: { url: chaos.url } });
  await client.listTools("one");
  const error = await rejection(client.callTool("one", "badStructured"));
  expect(error).toBeInstanceOf(OutputSchemaError);
  expect(error).toMatchObject({
    code: "ERR_MCP_OUTPUT_SCHEMA",
    server: "one",
    tool: "badStructured",
    delivery: "sent",
  });
  expect(ofType(events, "callFinished").at(-1)).toMatchObject({
    outcome: "error",
    errorType: "ERR_MCP_OUTPUT_SCHEMA",
    attempts: 1,
  });
  expect(statusOf(client, "one")).toMatchObject({ health: "healthy", breaker: { failures: 0 } });
  expect((await client.callTool("one", "structured")).structuredContent).toBeDefined();
});

test("M7: a schema that cannot be compiled is an error of calls of its tool only", async () => {
  const server = memoryServer({
    list: () => ({
      tools: [
        tool("broken", { outputSchema: { type: "object", properties: { a: { $ref: "#/$defs/missing" } } } }),
        tool("pattern", { outputSchema: { type: "object", properties: { a: { type: "string", pattern: "(" } } } }),
        tool("fine", { outputSchema: { type: "object", properties: { a: { type: "string" } } } }),
      ],
    }),
    call: () => ({ content: [], structuredContent: { a: "x" } }),
  });
  const { client } = start({ one: server.config });
  expect(await client.listTools("one")).toHaveLength(3);
  const compile = vi.spyOn(AjvJsonSchemaValidator.prototype, "getValidator");
  onTestFinished(() => compile.mockRestore());
  for (const name of ["broken", "pattern", "broken"]) {
    const error = await rejection(client.callTool("one", name));
    expect(error).toMatchObject({ code: "ERR_MCP_OUTPUT_SCHEMA", tool: name });
    expect(error).toHaveProperty("cause", expect.any(Error));
  }
  expect((await client.callTool("one", "fine")).structuredContent).toEqual({ a: "x" });
  expect(server.calls).toHaveLength(4);
  // Each once, also the one that failed and was called again.
  expect(compile).toHaveBeenCalledTimes(3);
});

test("M7: a chaos server's uncompilable schema hurts neither the list nor other tools", async () => {
  const chaos = await chaosServer({ uncompilableSchema: true });
  const { client } = start({ one: { url: chaos.url } });
  expect((await client.listTools("one")).map(({ name }) => name)).toContain("uncompilable");
  expect((await client.callTool("one", "structured")).structuredContent).toBeDefined();
});

test("M7: a missing structured content is an error, unless the result is one", async () => {
  const server = memoryServer({
    list: () => ({ tools: [tool("t", { outputSchema: { type: "object" } })] }),
    call: () => ({ content: [] }),
  });
  const { client } = start({ one: server.config });
  await client.listTools("one");
  expect(await rejection(client.callTool("one", "t"))).toMatchObject({ code: "ERR_MCP_OUTPUT_SCHEMA" });
  server.call = () => ({ content: [{ type: "text", text: "no" }], isError: true });
  expect(await client.callTool("one", "t")).toMatchObject({ isError: true });
});

test("M7: without a cached list nothing is checked, and nothing is fetched for it", async () => {
  const server = memoryServer({ call: () => ({ content: [], structuredContent: { any: "thing" } }) });
  const { client } = start({ one: server.config });
  expect((await client.callTool("one", "t")).structuredContent).toEqual({ any: "thing" });
  expect(server.lists).toHaveLength(0);
});

test("M7: a new list brings a new schema", async () => {
  const schema = (type: string) => ({
    tools: [tool("t", { outputSchema: { type: "object", properties: { a: { type } } } })],
  });
  const server = memoryServer({
    list: () => schema("string"),
    call: () => ({ content: [], structuredContent: { a: 1 } }),
  });
  const { client } = start({ one: server.config });
  await client.listTools("one");
  await expect(client.callTool("one", "t")).rejects.toMatchObject({ code: "ERR_MCP_OUTPUT_SCHEMA" });
  server.list = () => schema("number");
  await server.notify();
  await client.listTools("one");
  expect((await client.callTool("one", "t")).structuredContent).toEqual({ a: 1 });
});

test("M8: listing 100 tools with output schemas compiles no schema", async () => {
  const compile = vi.spyOn(AjvJsonSchemaValidator.prototype, "getValidator");
  onTestFinished(() => compile.mockRestore());
  const outputSchema = { type: "object", properties: { n: { type: "number" } }, required: ["n"] };
  const server = memoryServer({
    list: () => ({ tools: Array.from({ length: 100 }, (_, index) => tool(`t${index}`, { outputSchema })) }),
    call: () => ({ content: [], structuredContent: { n: 1 } }),
  });
  const { client } = start({ one: server.config });
  expect(await client.listTools("one")).toHaveLength(100);
  expect(compile).not.toHaveBeenCalled();
  await client.callTool("one", "t7");
  await client.callTool("one", "t7");
  expect(compile).toHaveBeenCalledTimes(1);
});
