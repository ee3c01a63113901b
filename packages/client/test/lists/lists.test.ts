import { startChaosServer } from "@minion/chaos";
import { expect, onTestFinished, test } from "vitest";
import { deferred, memoryServer, ofType, rejection, start, statusOf, tool, until } from "../support.js";

const names = (tools: readonly { readonly name: string }[]): string[] => tools.map(({ name }) => name);
const listing = (...all: string[]) => ({ tools: all.map((name) => tool(name)) });
const noRetry = { retry: false } as const;

test("M8: a list is all of its pages, an empty cursor among them", async () => {
  const server = memoryServer({
    list: (params) => {
      const pages: Record<string, object> = {
        none: { ...listing("a"), nextCursor: "" },
        "": { ...listing("b"), nextCursor: "2" },
        "2": listing("c"),
      };
      return pages[String(params?.cursor ?? "none")] ?? {};
    },
  });
  const { client } = start({ one: server.config });
  expect(names(await client.listTools("one"))).toEqual(["a", "b", "c"]);
  expect(server.lists.map((params) => params?.cursor)).toEqual([undefined, "", "2"]);
});

test("M8: a chaos server's small pages and empty cursor give the whole list", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { tools: 25, pageSize: 7, emptyCursor: true } });
  onTestFinished(() => chaos.close());
  const { client } = start({ one: { url: chaos.url } });
  const tools = names(await client.listTools("one"));
  expect(tools.filter((name) => name.startsWith("generated_"))).toHaveLength(25);
  expect(new Set(tools).size).toBe(tools.length);
});

test("M7: a cursor that comes again ends the walk: what there is, is the list, and an event says so", async () => {
  const server = memoryServer({
    list: (params) => ({ ...listing(params?.cursor === undefined ? "a" : "b"), nextCursor: "again" }),
  });
  const { client, events } = start({ one: { ...server.config, ...noRetry } });
  expect(names(await client.listTools("one"))).toEqual(["a", "b"]);
  expect(server.lists).toHaveLength(2);
  expect(ofType(events, "listCutShort")).toMatchObject([{ server: "one", list: "tools" }]);
});

test("M7: a page that comes again with the cursor it was asked for ends the walk, and is in the list once", async () => {
  // To servers in languages where a text is never absent, an empty cursor is none.
  for (const [nextCursor, cuts] of [
    ["", 0],
    ["again", 1],
  ] as const) {
    const server = memoryServer({
      list: () => ({ ...listing("a", "b"), nextCursor }),
      resources: () => ({ resources: [{ uri: "file:///a", name: "a" }], nextCursor }),
    });
    const { client, events } = start({ one: { ...server.config, ...noRetry } });
    expect(names(await client.listTools("one"))).toEqual(["a", "b"]);
    expect((await client.listResources("one")).map(({ uri }) => uri)).toEqual(["file:///a"]);
    expect(server.lists).toHaveLength(2);
    expect(ofType(events, "listCutShort")).toHaveLength(2 * cuts);
    expect(ofType(events, "malformedTool")).toEqual([]);
  }
});

test("M7: a list has an end: in its items, its pages and its bytes, and the error names the limit", async () => {
  let page = 0;
  const endless = (count: number, description = ""): object => {
    page += 1;
    const tools = Array.from({ length: count }, (_, index) => tool(`t${page}-${index}`, { description }));
    return { tools, nextCursor: `page ${page}` };
  };
  const server = memoryServer({ list: () => endless(10) });
  const { client } = start({
    items: { ...server.config, ...noRetry, maxListItems: 95 },
    pages: { ...server.config, ...noRetry },
    bytes: { ...server.config, ...noRetry, maxMessageBytes: 100_000 },
  });
  const code = "ERR_MCP_MESSAGE_TOO_LARGE";
  expect(await rejection(client.listTools("items"))).toMatchObject({
    code,
    message: expect.stringMatching(/ 95 .*maxListItems/),
  });
  expect(server.lists).toHaveLength(10);
  server.list = () => endless(0);
  expect(await rejection(client.listTools("pages"))).toMatchObject({
    code,
    message: expect.stringContaining("1000 pages"),
  });
  // The same tools page after page, under cursors that go on, are no page that came again.
  server.list = () => ({ ...endless(0), ...listing("a") });
  expect(await rejection(client.listTools("pages"))).toMatchObject({ code });
  server.list = () => endless(10, "d".repeat(1_000));
  server.lists.length = 0;
  expect(await rejection(client.listTools("bytes"))).toMatchObject({
    code,
    message: expect.stringMatching(/ 100000 .*maxMessageBytes/),
  });
  expect(server.lists.length).toBeLessThan(12);
});

test("M8: a partial walk is never kept", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { pageSize: 3, failPage: 2 } });
  onTestFinished(() => chaos.close());
  const { client } = start({ one: { url: chaos.url, ...noRetry } });
  await expect(client.listTools("one")).rejects.toThrow();
  expect(statusOf(client, "one").tools).toBeUndefined();
  chaos.reset();
  chaos.set({ failPage: Number.POSITIVE_INFINITY });
  expect((await client.listTools("one")).length).toBeGreaterThan(6);
});

test("M8: callers at the same time share one fetch, and one who leaves takes nobody along", async () => {
  const gate = deferred<object>();
  const server = memoryServer({ list: () => gate.promise });
  const { client } = start({ one: server.config });
  const leaving = new AbortController();
  const calls = Array.from({ length: 50 }, () => client.listTools("one"));
  const left = client.listTools("one", { signal: leaving.signal });
  await until(() => server.lists.length === 1, "the fetch");
  const reason = new Error("enough");
  leaving.abort(reason);
  expect(await rejection(left)).toBe(reason);
  gate.resolve(listing("a"));
  const lists = await Promise.all(calls);
  expect(new Set(lists).size).toBe(1);
  expect(server.lists).toHaveLength(1);
  await client.listTools("one");
  expect(server.lists).toHaveLength(1);
});

test("M8: a list is frozen, so that no caller changes another's", async () => {
  const { client } = start({ one: memoryServer().config });
  const [first] = await client.listTools("one");
  expect(() => Object.assign(first ?? {}, { name: "mine" })).toThrow(TypeError);
  expect(() => Object.assign(first?.inputSchema ?? {}, { type: "mine" })).toThrow(TypeError);
});

test("M8: a storm of 200 notifications that nobody reads causes no fetch, and the next read at most two", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.listTools("one");
  for (let i = 0; i < 200; i++) await server.notify();
  expect(server.lists).toHaveLength(1);
  await Promise.all(Array.from({ length: 20 }, () => client.listTools("one")));
  await client.listTools("one");
  expect(server.lists.length).toBeLessThanOrEqual(3);
});

test("M8: a storm over HTTP, and one from a new connection's own handshake, cause at most two fetches", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { listChangedOnInit: 200 } });
  onTestFinished(() => chaos.close());
  const { client } = start({ one: { url: chaos.url } });
  const fetches = () => chaos.journal().filter((e) => e.event === "request" && e.method === "tools/list").length;
  await client.listTools("one");
  await client.listTools("one");
  expect(fetches()).toBeLessThanOrEqual(2);
  const before = fetches();
  chaos.listChanged(200);
  await client.callTool("one", "echo", { text: "after the notifications" });
  await client.listTools("one");
  await client.listTools("one");
  expect(fetches() - before).toBeLessThanOrEqual(2);
});

test("M8: a change during a fetch wins: its callers get its list, nobody later does", async () => {
  const gate = deferred<object>();
  const server = memoryServer({ list: () => gate.promise });
  const { client } = start({ one: server.config });
  const early = client.listTools("one");
  await until(() => server.lists.length === 1, "the fetch");
  await server.notify();
  server.list = () => listing("new");
  const late = client.listTools("one");
  gate.resolve(listing("old"));
  expect(names(await early)).toEqual(["old"]);
  expect(names(await late)).toEqual(["new"]);
  expect(names(await client.listTools("one"))).toEqual(["new"]);
  expect(server.lists).toHaveLength(2);
});

test("M8: after list_changed the old list is not served, though the server is down", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, ...noRetry } });
  await client.listTools("one");
  await server.notify();
  server.connect = () => Promise.reject(new Error("down"));
  await server.drop();
  expect(await rejection(client.listTools("one"))).toMatchObject({ code: "ERR_MCP_CONNECT" });
});

test("M8: a stale list is served while the server is down, within staleIfErrorMs", async () => {
  const server = memoryServer({ list: () => ({ ...listing("a"), ttlMs: 1 }) });
  const { client } = start({ one: { ...server.config, ...noRetry, cache: { staleIfErrorMs: 60_000 } } });
  await client.listTools("one");
  server.connect = () => Promise.reject(new Error("down"));
  await server.drop();
  await until(() => statusOf(client, "one").connected === false, "the end of the connection");
  const past = performance.now() + 2;
  await until(() => performance.now() > past, "the end of its ttl");
  expect(names(await client.listTools("one"))).toEqual(["a"]);
});

test("M8: without staleIfErrorMs a list that is over is an error while the server is down", async () => {
  const server = memoryServer({ list: () => ({ ...listing("a"), ttlMs: 1 }) });
  const { client } = start({ one: { ...server.config, ...noRetry, cache: { staleIfErrorMs: 0 } } });
  await client.listTools("one");
  server.connect = () => Promise.reject(new Error("down"));
  await server.drop();
  const past = performance.now() + 2;
  await until(() => performance.now() > past, "the end of its ttl");
  await expect(client.listTools("one")).rejects.toMatchObject({ code: "ERR_MCP_CONNECT" });
});

test("M8: a refresh asks the server even where the list is good; while it is down the list stands in", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, ...noRetry } });
  await client.listTools("one");
  await client.listTools("one", { refresh: true });
  expect(server.lists).toHaveLength(2);
  server.connect = () => Promise.reject(new Error("down"));
  await server.drop();
  expect(names(await client.listTools("one", { refresh: true }))).toEqual(["echo"]);
  expect(server.contexts).toHaveLength(2);
});

test("M8: after a time without a connection the list is fetched anew, once", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.listTools("one");
  await server.drop();
  server.list = () => listing("missed");
  await client.callTool("one", "echo");
  const lists = await Promise.all([client.listTools("one"), client.listTools("one")]);
  expect(lists.map(names)).toEqual([["missed"], ["missed"]]);
  await client.listTools("one");
  expect(server.lists).toHaveLength(2);
});

test("M8: after a gap the old list stands in where the fetch fails", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, ...noRetry } });
  await client.listTools("one");
  await server.drop();
  await client.callTool("one", "echo");
  server.list = () => Promise.reject(new Error("not now"));
  expect(names(await client.listTools("one"))).toEqual(["echo"]);
});

test("M8: the server's ttlMs is honoured, the shortest of the pages; 0 is not kept at all", async () => {
  const server = memoryServer({ list: () => ({ ...listing("a"), ttlMs: 0 }) });
  const { client } = start({ one: { ...server.config, cache: { ttlMs: 60_000 } } });
  await client.listTools("one");
  await client.listTools("one");
  expect(server.lists).toHaveLength(2);
  server.list = (params) =>
    params?.cursor === undefined
      ? { ...listing("a"), ttlMs: 86_400_000, nextCursor: "2" }
      : { ...listing("b"), ttlMs: 0 };
  await client.listTools("one");
  await client.listTools("one");
  expect(server.lists).toHaveLength(6);
  server.list = () => ({ ...listing("a"), ttlMs: 60_000 });
  await client.listTools("one");
  await client.listTools("one");
  expect(server.lists).toHaveLength(7);
});

test("M8: a ttlMs that is no number of milliseconds is as none", async () => {
  const server = memoryServer({ list: () => ({ ...listing("a"), ttlMs: "soon" }) });
  const { client } = start({ one: server.config });
  await client.listTools("one");
  await client.listTools("one");
  expect(server.lists).toHaveLength(1);
});

test("M8: principals share no list, whatever scope the server gives it, nor a connection", async () => {
  for (const cacheScope of ["public", "private"]) {
    const server = memoryServer();
    server.list = () => ({ ...listing(`for ${server.contexts.at(-1)?.principal}`), cacheScope, ttlMs: 60_000 });
    const { client } = start({ one: server.config });
    expect(names(await client.listTools("one", { principal: "ann" }))).toEqual(["for ann"]);
    expect(names(await client.listTools("one", { principal: "bob" }))).toEqual(["for bob"]);
    expect(names(await client.listTools("one", { principal: "ann" }))).toEqual(["for ann"]);
    expect(server.contexts.map(({ principal }) => principal)).toEqual(["ann", "bob"]);
  }
});

test("M8: a notification of any connection forgets the lists of all principals", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.listTools("one", { principal: "ann" });
  await client.listTools("one", { principal: "bob" });
  await server.connections[0]?.notification({ method: "notifications/tools/list_changed" });
  await client.listTools("one", { principal: "ann" });
  await client.listTools("one", { principal: "bob" });
  expect(server.lists).toHaveLength(4);
});

test("M8: resources and prompts have their own lists and notifications", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: server.config });
  expect(names(await client.listResources("one"))).toEqual(["readme"]);
  expect(names(await client.listPrompts("one"))).toEqual(["greet"]);
  await client.listTools("one");
  await server.notify("notifications/resources/list_changed");
  await client.listResources("one");
  await client.listPrompts("one");
  await client.listTools("one");
  expect(ofType(events, "listRefreshed").map(({ list }) => list)).toEqual([
    "resources",
    "prompts",
    "tools",
    "resources",
  ]);
});

test("M7, M8: malformed entries are left out with an event that names each, the others kept", async () => {
  const wrong: [object | null | number, string][] = [
    [{ name: "no-schema" }, "no-schema"],
    [{ name: "array", inputSchema: { type: "array" } }, "array"],
    [{ name: "output", inputSchema: { type: "object" }, outputSchema: 7 }, "output"],
    [{ name: "title", inputSchema: { type: "object" }, title: 7 }, "title"],
    [{ name: "hints", inputSchema: { type: "object" }, annotations: "read-only" }, "hints"],
    [{ name: "", inputSchema: { type: "object" } }, ""],
    [{ name: 42, inputSchema: { type: "object" } }, "42"],
    // JSON of which no text can be made the usual way.
    [{ name: { toString: 1 }, inputSchema: { type: "object" } }, "[object Object]"],
    [{}, "without a name"],
    [null, "without a name"],
    [7, "7"],
  ];
  const server = memoryServer({
    list: () => ({ tools: [tool("first"), ...wrong.map(([entry]) => entry), tool("last")] }),
  });
  const { client, events } = start({ one: server.config });
  expect(names(await client.listTools("one"))).toEqual(["first", "last"]);
  expect(ofType(events, "malformedTool").map((event) => event.tool)).toEqual(wrong.map(([, name]) => name));
  expect(ofType(events, "malformedTool").every(({ message }) => message.length > 5)).toBe(true);
});

test("M7: a chaos server's malformed tool costs nothing but itself", async () => {
  const chaos = await startChaosServer({ protocol: "legacy", faults: { malformedTool: true } });
  onTestFinished(() => chaos.close());
  const { client, events } = start({ one: { url: chaos.url } });
  const tools = names(await client.listTools("one"));
  expect(tools).toContain("echo");
  expect(tools).not.toContain("malformed");
  expect(ofType(events, "malformedTool").map((event) => event.tool)).toEqual(["malformed"]);
});

test("M7: an answer that is no list is an error, not a list", async () => {
  for (const answer of [{}, { tools: "none" }, { tools: null }]) {
    const server = memoryServer({ list: () => answer });
    const { client } = start({ one: { ...server.config, ...noRetry } });
    await expect(client.listTools("one")).rejects.toMatchObject({ server: "one" });
  }
});
