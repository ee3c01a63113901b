import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CompleteRequestSchema,
  ListResourceTemplatesRequestSchema,
  type ServerCapabilities,
} from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import type { CustomServer } from "../../src/index.js";
import { memoryServer, ofType, rejection, start, statusOf, tool, until } from "../support.js";
import { chaosHttp, chaosStdio, quick, refusedUrl } from "../support-client.js";

/** A server in this process that declares what it is told to, and counts what it is asked. */
function declaring(capabilities: ServerCapabilities, prepare: (server: Server) => void = () => {}) {
  const asked: string[] = [];
  const servers: Server[] = [];
  const config: CustomServer = {
    connect: async () => {
      const server = new Server({ name: "declaring", version: "7" }, { capabilities, instructions: "Be kind." });
      server.fallbackRequestHandler = async ({ method, params }) => {
        asked.push(method);
        if (method === "case/double") return { twice: 2 * Number(params?.value), _meta: params?._meta };
        throw Object.assign(new Error("Method not found"), { code: -32601 });
      };
      prepare(server);
      const [ours, theirs] = InMemoryTransport.createLinkedPair();
      await server.connect(theirs);
      servers.push(server);
      const client = new Client({ name: "test", version: "1" });
      await client.connect(ours);
      return client;
    },
  };
  return { config, asked, servers };
}

test("M21: a list whose capability is not declared is empty, costs no request and is no failure", async () => {
  const prompts = declaring({ prompts: {} });
  const chaos = await chaosHttp();
  const { client, events } = start({ one: prompts.config, two: { url: chaos.url } });
  expect(await client.listTools("one")).toEqual([]);
  expect(await client.listResources("one")).toEqual([]);
  expect(await client.listResourceTemplates("one")).toEqual([]);
  const { tools, failures } = await client.listAllTools();
  expect(failures).toEqual([]);
  expect(new Set(tools.map(({ server }) => server))).toEqual(new Set(["two"]));
  await using session = await client.session("one");
  expect(await session.listTools()).toEqual([]);
  expect(prompts.asked).toEqual([]);
  expect(statusOf(client, "one")).toMatchObject({ lastError: undefined, health: "healthy", tools: 0 });
  expect(ofType(events, "callFinished").every(({ outcome }) => outcome === "success")).toBe(true);
  // What is declared is asked for.
  expect(await rejection(client.listPrompts("one"))).toMatchObject({ code: -32601 });
  expect(prompts.asked).toEqual(["prompts/list"]);
});

test("M21: a session that says nothing of its server's capabilities is asked", async () => {
  const silent = declaring({ tools: {} }, (server) => {
    server.fallbackRequestHandler = async () => ({ tools: [tool("a")] });
  });
  const connect: CustomServer["connect"] = async (context) =>
    Object.assign(await silent.config.connect(context), { getServerCapabilities: () => undefined });
  const { client } = start({ one: { connect } });
  expect(await client.listTools("one")).toHaveLength(1);
});

test("M21: request() sends any method through all layers, and what it resolves with is the result as it came", async () => {
  const { config, asked } = declaring({});
  const { client, events } = start({ one: config });
  const options = { meta: { "example.com/b": 2 } };
  const params = { value: 21, _meta: { "example.com/a": 1 } };
  expect(await client.request("one", "case/double", params, options)).toEqual({
    twice: 42,
    _meta: { "example.com/a": 1, "example.com/b": 2 },
  });
  expect(await rejection(client.request("one", "case/none"))).toMatchObject({ code: -32601 });
  expect(asked).toEqual(["case/double", "case/none"]);
  expect(ofType(events, "callFinished")).toMatchObject([
    { method: "case/double", tool: undefined, outcome: "success" },
    { method: "case/none", outcome: "error", errorType: "-32601" },
  ]);
  for (const wrong of [client.request("one", ""), client.request("one", "a", [] as never)])
    expect(await rejection(wrong)).toBeInstanceOf(TypeError);
});

test("M4, M21: request() repeats what was sent only where idempotent says so, or a tool's known hints do", async () => {
  let arrived = 0;
  const server = memoryServer({
    list: () => ({ tools: [tool("safe", { annotations: { readOnlyHint: true } }), tool("unsafe")] }),
    call: async (_params, behind) => {
      arrived += 1;
      if (arrived === 1) await behind.close();
      return { content: [] };
    },
  });
  const { client } = start({ one: { ...server.config, retry: quick } });
  const call = async (name: string, options = {}): Promise<[unknown, number]> => {
    arrived = 0;
    const outcome = await client.request("one", "tools/call", { name, arguments: {} }, options).then(
      () => "answered",
      (error) => Reflect.get(error, "code"),
    );
    return [outcome, arrived];
  };
  expect(await call("safe")).toEqual(["ERR_MCP_OUTCOME_UNKNOWN", 1]);
  await client.listTools("one");
  expect(await call("safe")).toEqual(["answered", 2]);
  expect(await call("safe", { idempotent: false })).toEqual(["ERR_MCP_OUTCOME_UNKNOWN", 1]);
  expect(await call("unsafe")).toEqual(["ERR_MCP_OUTCOME_UNKNOWN", 1]);
  expect(await call("unsafe", { idempotent: true })).toEqual(["answered", 2]);
});

test("M21: templates, completion and who the server is", async () => {
  const { config } = declaring({ resources: {}, completions: {} }, (server) => {
    server.setRequestHandler(ListResourceTemplatesRequestSchema, ({ params }) =>
      params?.cursor === undefined
        ? {
            resourceTemplates: [
              { name: "a", uriTemplate: "a://{x}" },
              { name: "broken", uriTemplate: 7 as never },
            ],
            nextCursor: "2",
          }
        : { resourceTemplates: [{ name: "b", uriTemplate: "b://{x}" }] },
    );
    server.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
      completion: { values: [`${params.argument.value}!`] },
    }));
  });
  const { client, events } = start({ one: config });
  const templates = await client.listResourceTemplates("one");
  expect(templates.map(({ uriTemplate }) => uriTemplate)).toEqual(["a://{x}", "b://{x}"]);
  expect(ofType(events, "malformedTool").map((event) => event.tool)).toEqual(["broken"]);
  const params = { ref: { type: "ref/resource", uri: "a://{x}" }, argument: { name: "x", value: "hi" } } as const;
  expect(await client.complete("one", params)).toMatchObject({ completion: { values: ["hi!"] } });
  expect(await client.serverInfo("one")).toEqual({
    name: "declaring",
    version: "7",
    instructions: "Be kind.",
    capabilities: { resources: {}, completions: {} },
    protocol: undefined,
  });
});

test("M21: serverInfo tells the revision that is spoken, over HTTP and stdio", async () => {
  const { config } = await chaosStdio();
  const { client } = start({ http: { url: (await chaosHttp()).url }, stdio: config });
  for (const name of ["http", "stdio"])
    expect(await client.serverInfo(name)).toMatchObject({
      name: expect.any(String),
      protocol: expect.stringMatching(/^20\d\d-\d\d-\d\d$/),
      capabilities: { tools: {} },
    });
});

test("M21: what a server says is told: changes of lists by name, everything else as it came", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: server.config });
  await client.callTool("one", "echo", {}, { principal: "ann" });
  for (const list of ["tools", "resources", "prompts"]) await server.notify(`notifications/${list}/list_changed`);
  const params = { level: "info", data: { deep: [1] } };
  for (const one of server.connections)
    await one.transport?.send({ jsonrpc: "2.0", method: "notifications/message", params });
  for (const one of server.connections)
    await one.transport?.send({ jsonrpc: "2.0", method: "notifications/example/odd" });
  await until(() => ofType(events, "serverNotification").length === 2, "the notifications");
  expect(ofType(events, "listChanged")).toMatchObject(
    ["tools", "resources", "prompts"].map((list) => ({ server: "one", list, principal: "ann" })),
  );
  expect(ofType(events, "serverNotification")).toMatchObject([
    { server: "one", method: "notifications/message", params, principal: "ann" },
    { server: "one", method: "notifications/example/odd", params: undefined },
  ]);
});

test("M8, M21: a change of the resources is one of their templates too", async () => {
  let lists = 0;
  const { config, servers } = declaring({ resources: { listChanged: true } }, (server) => {
    server.setRequestHandler(ListResourceTemplatesRequestSchema, () => {
      lists += 1;
      return { resourceTemplates: [] };
    });
  });
  const { client, events } = start({ one: config });
  await client.listResourceTemplates("one");
  await client.listResourceTemplates("one");
  expect(lists).toBe(1);
  await servers[0]?.notification({ method: "notifications/resources/list_changed" });
  await until(() => ofType(events, "listChanged").length === 1, "the change");
  await client.listResourceTemplates("one");
  expect(lists).toBe(2);
});

test("M16, M21: secrets appear in no notification that is told", async () => {
  const secret = "hush-hush-secret-1";
  const script = `
    const send = (m) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...m }) + "\\n");
    let rest = "";
    process.stdin.on("data", (c) => { rest += c; const lines = rest.split("\\n"); rest = lines.pop(); for (const l of lines) { const m = JSON.parse(l);
      if (m.method === "initialize") send({ id: m.id, result: { protocolVersion: m.params.protocolVersion, capabilities: {}, serverInfo: { name: "s", version: "1" } } });
      else if (m.method === "tools/call") { send({ method: "notifications/message", params: { level: "info", data: "key " + process.env.KEY } }); send({ id: m.id, result: { content: [] } }); } } });
    process.stdin.on("end", () => process.exit());`;
  const { client, events } = start({
    one: { command: process.execPath, args: ["-e", script], env: { KEY: secret } },
  });
  await client.callTool("one", "any");
  const [told] = ofType(events, "serverNotification");
  expect(told).toMatchObject({ params: { data: "key ***" } });
  expect(JSON.stringify(events)).not.toContain(secret);
});

test("M21: wrong arguments are told by name, before anything is sent; long names are cut in messages", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const bad = 7 as never;
  for (const [run, says] of [
    [() => client.request("one", bad), "method"],
    [() => client.request("one", "a", bad), "params"],
    [() => client.complete("one", bad), "params"],
    [() => client.readResource("one", bad), "uri"],
    [() => client.getPrompt("one", ""), "name"],
    [() => client.getPrompt("one", "a", bad), "arguments"],
    [() => client.callQualified(bad), "qualified name"],
    [() => client.callTool("one", ""), "name"],
    [() => client.session("one", { capabilities: [] as never }), "capabilities"],
    [() => client.serverInfo("one", { timeout: 1 } as object), "timeout"],
  ] as const) {
    const error = await rejection(run());
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain(says);
  }
  expect(server.contexts).toEqual([]);
  const long = "n".repeat(5_000);
  for (const run of [() => client.callQualified(long), () => client.callTool(long, "a")])
    expect(String(await rejection(run())).length).toBeLessThan(400);
});

test("M9, M21: ping asks the replica that it is told to, on behalf of whom it is told", async () => {
  const [one, two] = [memoryServer(), memoryServer()];
  const { client } = start({ one: { ...one.config, replicas: [two.config] } });
  expect(await client.ping("one", { replica: 1, principal: "ann" })).toBeGreaterThanOrEqual(0);
  expect([one.contexts, two.contexts.map(({ principal }) => principal)]).toEqual([[], ["ann"]]);
  expect(await rejection(client.ping("one", { replica: 2 }))).toBeInstanceOf(RangeError);
  expect(await rejection(client.ping("one", { replica: -1 }))).toBeInstanceOf(TypeError);
  const down = start({ one: { url: await refusedUrl(), retry: false, replicas: [two.config] } }).client;
  expect(await rejection(down.ping("one", { replica: 0 }))).toMatchObject({ code: "ERR_MCP_CONNECT" });
  expect(await down.ping("one")).toBeGreaterThanOrEqual(0);
});
