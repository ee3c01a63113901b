import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { MinionClient, qualifiedName } from "../../src/index.js";
import { deferred, memoryServer, ofType, rejection, start, statusOf, tool, until } from "../support.js";

const listing = (...names: string[]) => ({ tools: names.map((name) => tool(name)) });

test("M10: listAllTools returns the others in time and asks nobody who was not named", async () => {
  const hung = memoryServer({ connect: () => new Promise(() => {}) });
  const other = memoryServer();
  const { client } = start({ hung: hung.config, good: memoryServer().config, other: other.config });
  const { tools, failures } = await client.listAllTools({ timeoutMs: 100, servers: ["hung", "good", "good"] });
  expect(tools.map(({ name }) => name)).toEqual(["mcp_good_echo"]);
  expect(failures).toMatchObject([{ server: "hung", error: { code: "ERR_MCP_TIMEOUT" } }]);
  expect(other.contexts).toEqual([]);
  expect(await client.listAllTools({ servers: [] })).toEqual({ tools: [], failures: [] });
  expect(await rejection(client.listAllTools({ servers: ["none"] }))).toMatchObject({
    code: "ERR_MCP_SERVER_NOT_FOUND",
  });
  for (const options of [{ servers: "good" }, { servers: [1] }, { server: ["good"] }])
    expect(await rejection(client.listAllTools(options as object))).toBeInstanceOf(TypeError);
});

test("M10: what listAllTools makes of the lists is kept as long as they are, and frozen", async () => {
  const one = memoryServer();
  const { client } = start({ one: one.config, two: memoryServer().config });
  const first = await client.listAllTools();
  const second = await client.listAllTools();
  expect(second.tools).toBe(first.tools);
  expect(() => Object.assign(first.tools[0] ?? {}, { name: "mine" })).toThrow(TypeError);
  expect(() => Reflect.apply(Array.prototype.push, first.tools, [1])).toThrow(TypeError);
  await one.notify();
  const third = await client.listAllTools();
  expect(third.tools).toEqual(first.tools);
  expect(third.tools).not.toBe(first.tools);
  // The list of the other server is as it was.
  expect(third.tools[1]).toBe(first.tools[1]);
});

test("M11: names have the prefix and length that are asked for", async () => {
  const servers = { one: memoryServer().config, my_two: memoryServer().config };
  const { client } = start(servers, { names: { prefix: "x-", maxLength: 24 } });
  const { tools } = await client.listAllTools();
  expect(tools.map(({ name }) => name)).toEqual([
    "x-one_echo",
    qualifiedName("my_two", "echo", { prefix: "x-", maxLength: 24 }),
  ]);
  for (const { name } of tools) {
    expect(name).toMatch(/^x-[A-Za-z0-9_-]{1,22}$/);
    await client.callQualified(name);
  }
  expect(await rejection(client.callQualified("mcp_one_echo"))).toMatchObject({ code: "ERR_MCP_TOOL_NOT_FOUND" });
  expect(qualifiedName("a", "b", { prefix: "" })).toBe("a_b");
  for (const names of [{ prefix: "é" }, { prefix: 1 }, { maxLength: 13 }, { maxLength: 1.5 }, { length: 9 }, 7]) {
    expect(() => new MinionClient({ servers: {}, names: names as object })).toThrow(/names|prefix|maxLength/i);
    if (typeof names === "object") expect(() => qualifiedName("a", "b", names as object)).toThrow();
  }
});

test("M11: a name once listed stays callable while its list cannot be had, by listAllTools or by listTools", async () => {
  for (const way of ["all", "one"] as const) {
    const server = memoryServer();
    const { client } = start({ my_one: { ...server.config, retry: false } });
    if (way === "all") await client.listAllTools();
    else await client.listTools("my_one");
    await server.notify();
    server.list = () => new Promise(() => {});
    const { content } = await client.callQualified(qualifiedName("my_one", "echo"), { a: 1 });
    expect(content).toEqual([{ type: "text", text: '{"a":1}' }]);
  }
});

test("M11: a name twice in one list is listed once, the first, and reported", async () => {
  const server = memoryServer({
    list: (params) =>
      params?.cursor === undefined
        ? { tools: [tool("twin", { description: "1" }), tool("other")], nextCursor: "2" }
        : { tools: [tool("twin", { description: "2" })] },
  });
  const { client, events } = start({ one: server.config });
  const tools = await client.listTools("one");
  expect(tools.map(({ name, description }) => [name, description])).toEqual([
    ["twin", "1"],
    ["other", undefined],
  ]);
  expect(ofType(events, "malformedTool")).toMatchObject([{ tool: "twin", server: "one" }]);
});

/** Two tools of one server whose qualified names are the same, found by trying. */
function twins(server: string): [string, string] {
  const seen = new Map<string, string>();
  for (let i = 0; ; i++) {
    const name = `${"t".repeat(60)}${i}`;
    const hash = createHash("sha256")
      .update(JSON.stringify([server, name]))
      .digest("hex")
      .slice(0, 8);
    const other = seen.get(hash);
    if (other !== undefined) return [other, name];
    seen.set(hash, name);
  }
}

test("M11: a name that two listed tools share calls neither and says so, and is listed by neither", async () => {
  const [one, two] = twins("s");
  const name = qualifiedName("s", one);
  expect(qualifiedName("s", two)).toBe(name);
  const server = memoryServer({ list: () => listing(one, "other", two) });
  const { client, events } = start({ s: server.config });
  expect((await client.listAllTools()).tools.map((found) => found.name)).toEqual(["mcp_s_other"]);
  expect(ofType(events, "malformedTool").map((event) => event.tool)).toEqual([one, two]);
  const error = await rejection(client.callQualified(name));
  expect(error).toMatchObject({ code: "ERR_MCP_TOOL_NOT_FOUND", delivery: "not-sent", tool: name });
  expect(String(error)).toContain(one);
  expect(String(error)).toContain(two);
  expect(server.calls).toEqual([]);
  // By their own names both can be called.
  await client.callTool("s", one);
  await client.callTool("s", two);
  // Nothing is told twice of the same lists.
  await client.listAllTools();
  expect(ofType(events, "malformedTool")).toHaveLength(2);
});

test("M11: a server may be called __proto__, also one of a configuration", async () => {
  const { config } = memoryServer();
  const servers = JSON.parse('{"__proto__": {"command": "x"}, "constructor": {"command": "x"}}');
  Object.defineProperty(servers, "__proto__", { value: config, enumerable: true });
  Object.defineProperty(servers, "constructor", { value: memoryServer().config, enumerable: true });
  const { client } = start(servers);
  await client.callTool("__proto__", "echo");
  const { tools } = await client.listAllTools();
  expect(tools.map(({ server }) => server)).toEqual(["__proto__", "constructor"]);
  for (const { name } of tools) await client.callQualified(name);
  const file = JSON.parse('{"mcpServers": {"__proto__": {"command": "/no/such/program"}}}');
  const read = await MinionClient.fromConfig(file);
  expect(read.status().map(({ name }) => name)).toEqual(["__proto__"]);
  await read.close();
});

test("M21: a tool that the policy leaves out is not listed, and a call of it in any way is not sent", async () => {
  const server = memoryServer({ list: () => listing("good", "bad", "other") });
  for (const tools of [{ allow: ["good"] }, { deny: ["bad", "other"] }, { allow: ["*"], deny: ["bad", "other"] }]) {
    const { client, events } = start({ one: { ...server.config, tools } });
    expect((await client.listTools("one")).map(({ name }) => name)).toEqual(["good"]);
    expect((await client.listAllTools()).tools.map(({ tool: own }) => own)).toEqual(["good"]);
    expect(await client.listTools("one")).toBe(await client.listTools("one"));
    expect(statusOf(client, "one").tools).toBe(1);
    expect(ofType(events, "listRefreshed")).toMatchObject([{ count: 1, added: ["good"] }]);
    expect(await client.request("one", "tools/list")).toMatchObject({ tools: [{ name: "good" }] });
    await using session = await client.session("one");
    expect((await session.listTools()).map(({ name }) => name)).toEqual(["good"]);
    const before = server.calls.length;
    for (const call of [
      client.callTool("one", "bad"),
      client.callQualified("mcp_one_bad"),
      client.request("one", "tools/call", { name: "bad", arguments: {} }),
      session.callTool("bad"),
    ])
      expect(await rejection(call)).toMatchObject({
        code: "ERR_MCP_TOOL_NOT_FOUND",
        delivery: "not-sent",
        server: "one",
        tool: "bad",
      });
    expect(server.calls.length).toBe(before);
    await client.callTool("one", "good");
    await client.request("one", "tools/call", { name: "good", arguments: {} });
    await session.callTool("good");
    expect(server.calls.length).toBe(before + 3);
  }
  const { client } = start({ one: { ...server.config, tools: { allow: [] } } }, { defaults: { tools: {} } });
  expect(await client.listTools("one")).toEqual([]);
  for (const tools of [[], { allow: "good" }, { only: ["good"] }])
    expect(() => start({ one: { ...server.config, tools: tools as object } })).toThrow(/tools/);
});

test("M1: connect() is bounded by connectTimeoutMs or timeoutMs, and refuses keys that it does not know", async () => {
  const hung = memoryServer({ connect: () => new Promise(() => {}) });
  const gate = deferred();
  const slow = memoryServer({ connect: () => gate.promise });
  const { client } = start(
    { hung: { ...hung.config, connectTimeoutMs: 50 }, slow: slow.config },
    { defaults: { callTimeoutMs: 20 } },
  );
  const report = client.connect();
  await until(() => statusOf(client, "hung").lastError !== undefined, "the end of its time");
  gate.resolve();
  expect(await report).toMatchObject({ connected: ["slow"], failures: [{ server: "hung" }] });
  const { failures } = await client.connect({ servers: ["hung"], timeoutMs: 5 });
  expect(failures).toMatchObject([{ server: "hung", error: { code: "ERR_MCP_TIMEOUT", timeoutMs: 5 } }]);
  expect(String(await rejection(client.connect({ timeoutMS: 5 } as object)))).toContain("timeoutMS");
});
