import fc from "fast-check";
import { expect, test } from "vitest";
import { qualifiedName, ToolNotFoundError } from "../../src/index.js";
import { anyCharacter } from "../any-character.js";
import { deferred, memoryServer, rejection, start, tool } from "../support.js";

const allowed = /^[A-Za-z0-9_-]{1,64}$/;
const alphabet = [..."abAB09-_. /é漢😀\0\ud800"];
const anyName = fc.oneof(
  fc.string({ minLength: 1, maxLength: 80 }),
  fc.string({ unit: anyCharacter, minLength: 1, maxLength: 80 }),
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: 80 }),
  fc.string({ unit: fc.constantFrom("a", "_", "-"), minLength: 1, maxLength: 8 }),
);

test("M11: every qualified name fits, for any server and tool names", () => {
  fc.assert(
    fc.property(anyName, anyName, (server, name) => {
      expect(qualifiedName(server, name)).toMatch(allowed);
    }),
    { numRuns: 2_000 },
  );
});

test("M11: a name is plain where the server has no underscore, both are legal and it fits", () => {
  const letter = fc.constantFrom(..."abzAZ059-");
  const server = fc.string({ unit: letter, minLength: 1, maxLength: 25 });
  const name = fc.string({ unit: fc.oneof(letter, fc.constant("_")), minLength: 1, maxLength: 34 });
  fc.assert(
    fc.property(server, name, (left, right) => {
      // A name that ends as one with a hash does could be mistaken for it.
      fc.pre(!/(^|_)[0-9a-f]{8}$/.test(right));
      expect(qualifiedName(left, right)).toBe(`mcp_${left}_${right}`);
    }),
    { numRuns: 2_000 },
  );
  expect(qualifiedName("github", "create_issue")).toBe("mcp_github_create_issue");
  expect(qualifiedName("a", "b".repeat(58))).toBe(`mcp_a_${"b".repeat(58)}`);
  expect(qualifiedName("a", "b".repeat(59))).toMatch(/^mcp_a_b{49}_[0-9a-f]{8}$/);
});

test("M11: no two pairs share a name, not even where a tool imitates another's hash", () => {
  const seen = new Map<string, string>();
  const check = (server: string, name: string): void => {
    const pair = JSON.stringify([server, name]);
    const qualified = qualifiedName(server, name);
    expect(seen.get(qualified) ?? pair).toBe(pair);
    seen.set(qualified, pair);
  };
  fc.assert(
    fc.property(anyName, anyName, (server, name) => check(server, name)),
    { numRuns: 5_000 },
  );
  check("a_b", "c");
  check("a", "b_c");
  // The imitation: server "a" offers a tool named as the hashed name of ("a_b", "c") goes on.
  check("a", qualifiedName("a_b", "c").slice("mcp_a_".length));
  check("a.b", "c");
  check("a b", "c");
  check("a_", "_b");
  check("a__", "b");
  check(`${"x".repeat(60)}a`, "b");
  check("x".repeat(60), "ab");
});

test("M11: callQualified calls exactly the tool that listAllTools shows under the name", async () => {
  const pairs: Record<string, string[]> = {
    plain: ["tool", "create_issue", "x_0123abcd"],
    snake_case: ["tool", "b_c"],
    snake: ["case_tool"],
    "with space/and.dots": ["tool", "tööl", "t".repeat(100)],
    ["long".repeat(30)]: ["tool", "other"],
  };
  const servers = Object.fromEntries(
    Object.entries(pairs).map(([server, tools]) => [
      server,
      memoryServer({
        list: () => ({ tools: tools.map((name) => tool(name)) }),
        call: (params) => ({ content: [{ type: "text", text: JSON.stringify([server, params?.name]) }] }),
      }).config,
    ]),
  );
  const { client } = start(servers);
  const { tools, failures } = await client.listAllTools();
  expect(failures).toEqual([]);
  expect(tools).toHaveLength(Object.values(pairs).flat().length);
  expect(new Set(tools.map(({ name }) => name)).size).toBe(tools.length);
  for (const one of tools) {
    expect(one.name).toBe(qualifiedName(one.server, one.tool));
    const { content } = await client.callQualified(one.name);
    expect(content).toEqual([{ type: "text", text: JSON.stringify([one.server, one.tool]) }]);
  }
});

test("M11: an added server renames nothing", async () => {
  const { client } = start({ one_two: memoryServer().config });
  const before = (await client.listAllTools()).tools.map(({ name }) => name);
  client.addServer("one", memoryServer({ list: () => ({ tools: [tool("two_echo")] }) }).config);
  const after = (await client.listAllTools()).tools.map(({ name }) => name);
  expect(after).toEqual([...before, "mcp_one_two_echo"]);
});

test("M11: a plain name is called without listing anything", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callQualified("mcp_one_echo", { text: "hi" });
  expect(server.lists).toHaveLength(0);
  expect(server.calls[0]).toMatchObject({ name: "echo", arguments: { text: "hi" } });
});

test("M11: a name that no tool has is a ToolNotFoundError", async () => {
  const { client } = start({ one_two: memoryServer().config });
  for (const name of ["", "echo", "mcp_", "mcp_none_echo", "mcp_one_two_echo_00000000", "mcp_one_two_echo"]) {
    const error = await rejection(client.callQualified(name));
    expect(error).toBeInstanceOf(ToolNotFoundError);
    expect(error).toMatchObject({ code: "ERR_MCP_TOOL_NOT_FOUND", tool: name });
  }
});

test("M10, M11: a name with a hash waits for no server that cannot have it", async () => {
  const hung = memoryServer({ connect: () => new Promise(() => {}) });
  const { client } = start({ my_hung: hung.config, my_good: memoryServer().config });
  const { content } = await client.callQualified(qualifiedName("my_good", "echo"), { a: 1 });
  expect(content).toEqual([{ type: "text", text: '{"a":1}' }]);
  expect(hung.contexts).toHaveLength(0);
});

test("M10, M11: of servers whose names look alike the first that has the tool is enough", async () => {
  const hung = memoryServer({ connect: () => new Promise(() => {}) });
  const { client } = start({ "a.b": hung.config, "a b": memoryServer().config });
  const { content } = await client.callQualified(qualifiedName("a b", "echo"), { a: 1 });
  expect(content).toEqual([{ type: "text", text: '{"a":1}' }]);
});

test("M11: where the server that may have the tool cannot be asked, its error is told", async () => {
  const down = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const { client } = start({ my_down: { ...down.config, retry: false } });
  const name = qualifiedName("my_down", "echo");
  expect(await rejection(client.callQualified(name))).toMatchObject({ code: "ERR_MCP_CONNECT", server: "my_down" });
});

test("M2, M11: an abort ends the search for a name with the caller's reason", async () => {
  const gate = deferred<object>();
  const { client } = start({ my_slow: memoryServer({ list: () => gate.promise }).config });
  const caller = new AbortController();
  const call = client.callQualified(qualifiedName("my_slow", "echo"), {}, { signal: caller.signal });
  const reason = new Error("enough");
  caller.abort(reason);
  expect(await rejection(call)).toBe(reason);
  gate.resolve({ tools: [] });
});
