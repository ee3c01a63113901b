import { inspect } from "node:util";
import { startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test, vi } from "vitest";
import { OutputSchemaError } from "../../src/index.js";
import { SchemaCompiler } from "../../src/lists/json-schema/schema-compiler.js";
import { memoryServer, ofType, rejection, start, statusOf, tool } from "../support.js";

async function chaosServer(faults = {}) {
  const chaos = await startChaosServer({ protocol: "legacy", faults });
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

test("M17: a result whose schema cannot be made out is returned, an event says why, and the schema is read once", async () => {
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
  const { client, events } = start({ one: server.config });
  expect(await client.listTools("one")).toHaveLength(3);
  const compile = vi.spyOn(SchemaCompiler.prototype, "compile");
  onTestFinished(() => compile.mockRestore());
  for (const name of ["broken", "pattern", "broken", "fine"])
    expect((await client.callTool("one", name)).structuredContent).toEqual({ a: "x" });
  expect(ofType(events, "schemaSkipped")).toMatchObject([
    { server: "one", tool: "broken", message: expect.stringContaining("#/$defs/missing") },
    { server: "one", tool: "pattern", message: expect.stringContaining("not a regular expression") },
    { server: "one", tool: "broken" },
  ]);
  expect(compile).toHaveBeenCalledTimes(3);
});

test("M17: outputSchemas says whether a misfit is an error, an event, or not looked for", async () => {
  const server = memoryServer({
    list: () => ({ tools: [tool("t", { outputSchema: { properties: { n: { type: "integer" } } } })] }),
    call: () => ({ content: [], structuredContent: { n: "seven" } }),
  });
  const { client, events } = start({
    enforce: server.config,
    report: { ...server.config, outputSchemas: "report" },
    off: { ...server.config, outputSchemas: "off" },
  });
  await client.listAllTools();
  expect(await rejection(client.callTool("enforce", "t"))).toMatchObject({
    code: "ERR_MCP_OUTPUT_SCHEMA",
    result: { content: [], structuredContent: { n: "seven" } },
    message: expect.stringContaining("/n must be integer"),
  });
  expect((await client.callTool("report", "t")).structuredContent).toEqual({ n: "seven" });
  expect((await client.callTool("off", "t")).structuredContent).toEqual({ n: "seven" });
  expect(ofType(events, "schemaSkipped")).toMatchObject([{ server: "report", tool: "t" }]);
});

test("M17: whoever prints an OutputSchemaError does not print what the tool returned", async () => {
  const server = memoryServer({
    list: () => ({ tools: [tool("t", { outputSchema: { type: "array" } })] }),
    call: () => ({ content: [], structuredContent: { private: "data-of-a-user" } }),
  });
  const { client } = start({ one: server.config });
  await client.listTools("one");
  const error = await rejection(client.callTool("one", "t"));
  expect(error).toBeInstanceOf(OutputSchemaError);
  expect(inspect(error, { depth: 9 })).not.toContain("data-of-a-user");
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
  const compile = vi.spyOn(SchemaCompiler.prototype, "compile");
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
