import { Cache, type CacheOptions } from "@minion/cache";
import { expect, test, vi } from "vitest";
import type { McpSession, ToolListCache } from "../../src/index.js";
import { CachedList } from "../../src/lists/cached-list.js";
import { Lists } from "../../src/lists/lists.js";
import { session } from "../connections/session-by-hand.js";
import { memoryServer, rejection, start, statusOf, tool } from "../support.js";
import { quick } from "../support-client.js";

const noRetry = { retry: false } as const;

test("M8: after a gap a list that is still good stands in where the fetch fails; a refresh gets the error", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, ...noRetry, cache: { staleIfErrorMs: 0 } } });
  const list = await client.listTools("one");
  await server.drop();
  await client.callTool("one", "echo");
  server.list = () => Promise.reject(new Error("not now"));
  expect(await client.listTools("one")).toBe(list);
  expect(server.lists).toHaveLength(2);
  expect(await rejection(client.listTools("one", { refresh: true }))).toMatchObject({ code: -32_603 });
});

test("M2, M8: after a gap nothing stands in for a caller who gave up", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, ...noRetry } });
  await client.listTools("one");
  await server.drop();
  await client.callTool("one", "echo");
  server.list = () => new Promise(() => {});
  const caller = new AbortController();
  const reason = new Error("enough");
  const left = rejection(client.listTools("one", { signal: caller.signal }));
  caller.abort(reason);
  expect(await left).toBe(reason);
});

test("M8: a notification of something else than a list forgets nothing", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const list = await client.listTools("one");
  await server.notify("notifications/unheard_of");
  await client.ping("one");
  expect(await client.listTools("one")).toBe(list);
});

test("M4: hints are those of the principal's own tools, and forgotten with them", async () => {
  const server = memoryServer({ list: () => ({ tools: [tool("safe", { annotations: { readOnlyHint: true } })] }) });
  const { client } = start({ one: { ...server.config, retry: quick, breaker: false } });
  const [ann, bob] = [{ principal: "ann" }, { principal: "bob" }];
  await client.listPrompts("one", ann);
  await client.listTools("one", ann);
  const answer = server.call;
  const loseOne = () => {
    server.call = async () => {
      server.call = answer;
      await server.drop();
      return {};
    };
  };
  loseOne();
  await client.callTool("one", "safe", {}, ann);
  loseOne();
  expect(await rejection(client.callTool("one", "safe", {}, bob))).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
  await client.ping("one");
  await client.callTool("one", "safe", {}, ann);
  await server.notify();
  loseOne();
  expect(await rejection(client.callTool("one", "safe", {}, ann))).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
});

test("M8: the server's ttlMs holds also where a list ends in the instant in which it is read", async () => {
  const server = memoryServer({ list: () => ({ tools: [tool("echo")], ttlMs: 7 }) });
  const ttls: unknown[] = [];
  const cache = (_: string, options: CacheOptions<unknown>): ToolListCache => {
    const inner = new Cache(options);
    return {
      getOrSet: async (key, load, how) => {
        const list = await inner.getOrSet(key, load, { ...how, refresh: true });
        ttls.push(typeof how?.ttlMs === "function" ? how.ttlMs(list) : how?.ttlMs);
        return list;
      },
      inspect: () => ({ value: [], cachedAt: 0, ageMs: 0, expiresInMs: 1, hits: 0, state: "fresh" }),
      invalidate: (key) => inner.invalidate(key),
      stats: () => inner.stats(),
      close: () => inner.close(),
    };
  };
  const { client } = start({ one: server.config }, { cache });
  await client.listTools("one");
  expect(server.lists).toHaveLength(1);
  expect(ttls).toEqual([7]);
});

test("M8: lists of principals who never come back are forgotten with the cache's entries", {
  timeout: 180_000,
}, async () => {
  let lists = 0;
  // Not the SDK's, which would take most of the time of so many.
  const connect = async (): Promise<McpSession> => {
    const one = session();
    one.request = async ({ method }) => {
      if (method === "tools/list") lists += 1;
      return { tools: [tool("echo")] };
    };
    return one;
  };
  const { client } = start({ one: { connect, maxConnections: 1, pool: { maxIdlePerKey: 1, maxUses: 1 } } });
  for (let i = 0; i < 1_100; i++) await client.listTools("one", { principal: `p${i}` });
  expect(statusOf(client, "one").cache?.size).toBeLessThanOrEqual(100);
  expect(await client.listTools("one", { principal: "p1099" })).toHaveLength(1);
  expect(lists).toBe(1_100);
});

test("M4, M8: a gap that ends while a list is fetched leaves it in doubt, and the hints of its tools known", async () => {
  const answers: ((list: CachedList) => void)[] = [];
  const lists = new Lists({
    server: "one",
    cache: new Cache({ maxEntries: 10, ttlMs: 60_000 }),
    ttlMs: 60_000,
    capabilities: {},
    fetch: () => new Promise((resolve) => answers.push(resolve)),
    shown: (list) => list,
    onRefreshed: () => {},
  });
  const owner = { replica: 0, principal: undefined };
  const get = () => lists.get("tools", owner, { signal: new AbortController().signal, refresh: false });
  for (const ttlMs of [60_000, 0]) {
    const before = answers.length;
    const asked = get();
    await vi.waitFor(() => expect(answers).toHaveLength(before + 1));
    lists.doubt("tools");
    answers.at(-1)?.(new CachedList("tools", [{ ...tool("safe") }], { ttlMs }));
    await asked;
    expect(lists.knownTool("safe", undefined)).toMatchObject({ name: "safe" });
    const again = get();
    await vi.waitFor(() => expect(answers).toHaveLength(before + 2));
    answers.at(-1)?.(new CachedList("tools", [{ ...tool("safe") }], { ttlMs }));
    await again;
    expect(lists.fresh("tools", owner) === undefined).toBe(ttlMs === 0);
    lists.changed("tools");
  }
});
