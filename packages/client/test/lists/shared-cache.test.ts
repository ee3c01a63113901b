import { CircuitBreaker } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { expect, test } from "vitest";
import type {
  BreakerContext,
  CacheContext,
  ListName,
  MinionClientOptions,
  ServerConfig,
  ToolListCache,
} from "../../src/index.js";
import { memoryServer, rejection, start, statusOf, tool, until } from "../support.js";

/** A store outside the process, as far as a cache can see: it holds text alone. */
class Store {
  readonly texts = new Map<string, string>();
  readonly invalidated: string[] = [];
  readonly recalled: string[] = [];
  readonly contexts: CacheContext[] = [];
  changed: ((list: ListName) => void) | undefined;

  readonly cache: NonNullable<MinionClientOptions["cache"]> = (_server, options, context): ToolListCache => {
    this.contexts.push(context);
    const near = new Cache<unknown>(options);
    const { codec } = context;
    // Servers that are connected to by a function have other identities in other clients.
    const far = (key: string): unknown => {
      const text = this.texts.get(key);
      return text === undefined ? undefined : codec.decode(text);
    };
    return {
      getOrSet: (key, load, how) =>
        near.getOrSet(
          key,
          async (loading) => {
            const known = how?.refresh === true ? undefined : far(key);
            if (known !== undefined) return known;
            const fetched = await load(loading);
            this.texts.set(key, codec.encode(fetched));
            return fetched;
          },
          how,
        ),
      recall: async (key) => {
        this.recalled.push(key);
        const known = far(key);
        if (known !== undefined) await near.getOrSet(key, () => known);
        return known;
      },
      invalidateList: (list) => {
        this.invalidated.push(list);
        this.texts.clear();
      },
      onChangedElsewhere: (changed) => {
        this.changed = changed;
      },
      invalidate: (key) => near.invalidate(key),
      inspect: (key) => near.inspect(key),
      stats: () => near.stats(),
      close: () => near.close(),
    };
  };
}

const safe = tool("echo", { annotations: { readOnlyHint: true } });

test("Seams: a list that another process fetched is taken from the store, checked, frozen and counted", async () => {
  const store = new Store();
  const server = memoryServer({ list: () => ({ tools: [safe], ttlMs: 60_000, cacheScope: "public" }) });
  const [one, two] = [0, 1].map(() => start({ one: server.config }, { cache: store.cache }).client);
  const first = await one?.listTools("one");
  const second = (await two?.listTools("one")) ?? [];
  expect(server.lists).toHaveLength(1);
  expect(second).toEqual(first);
  expect(() => Object.assign(second[0]?.inputSchema ?? {}, { type: "mine" })).toThrow(TypeError);
  expect(two && statusOf(two, "one").tools).toBe(1);
  const [text = ""] = store.texts.values();
  expect(JSON.parse(text)).toMatchObject({ list: "tools", ttlMs: 60_000, cacheScope: "public" });
});

test("M8: a list from the store is doubted after a time without a connection, as one's own is", async () => {
  const store = new Store();
  const server = memoryServer();
  const other = start({ one: server.config }, { cache: store.cache }).client;
  await other.listTools("one");
  await other.close();
  const { client } = start({ one: server.config }, { cache: store.cache });
  await client.listTools("one");
  expect(server.lists).toHaveLength(1);
  await client.callTool("one", "echo");
  await client.listTools("one");
  expect(server.lists).toHaveLength(2);
});

test("M8: a change is told to the store once for each list, also of keys that nobody asked for here", async () => {
  const store = new Store();
  const server = memoryServer();
  const { client } = start({ one: server.config }, { cache: store.cache });
  await client.callTool("one", "echo");
  await server.notify();
  await server.notify("notifications/resources/list_changed");
  await until(() => store.invalidated.length === 3, "the changes");
  expect(store.invalidated).toEqual(["tools", "resources", "resourceTemplates"]);
});

test("M4: on a fresh replica the hints of a tool come from the store; nothing is fetched for them", async () => {
  const store = new Store();
  const server = memoryServer({ list: () => ({ tools: [safe] }) });
  const filler = start({ one: server.config }, { cache: store.cache }).client;
  for (const principal of [undefined, "ann"]) await filler.listTools("one", { principal });
  let failures = 0;
  const breaking = memoryServer({
    list: server.list,
    call: async (_params, behind) => {
      failures += 1;
      if (failures % 2 === 1) await behind.close();
      return { content: [] };
    },
  });
  const retry = { initialDelayMs: 1 };
  const { client } = start({ one: { ...breaking.config, retry } }, { cache: store.cache });
  await client.callTool("one", "echo", {}, { principal: "ann" });
  await client.request("one", "tools/call", { name: "echo", arguments: {} });
  expect(failures).toBe(4);
  expect(breaking.lists).toEqual([]);
  // Of bob nobody knows anything: his call is unsafe, and the store is asked once.
  for (let i = 0; i < 2; i++) await client.callTool("one", "echo", {}, { principal: "bob" }).catch(() => {});
  expect(store.recalled).toHaveLength(3);
});

test("M4: a store that fails or never answers costs a call its hints and nothing else", async () => {
  for (const recall of [() => Promise.reject(new Error("down")), () => new Promise<never>(() => {})]) {
    const cache: NonNullable<MinionClientOptions["cache"]> = (_, options) =>
      Object.assign(new Cache<unknown>(options), { recall });
    const { client } = start({ one: memoryServer().config }, { cache });
    await client.callTool("one", "echo");
  }
});

test("M8: whose list it is cannot be read in the keys of the store", async () => {
  const store = new Store();
  const { client } = start({ one: memoryServer().config }, { cache: store.cache });
  await client.listTools("one", { principal: "ann@example.com" });
  await client.listTools("one", { principal: "bob@example.com" });
  expect(store.texts.size).toBe(2);
  expect([...store.texts.keys()].join()).not.toMatch(/ann|bob/);
});

test("M7: the codec takes nothing that it did not write, and nothing that is not a valid list", async () => {
  const store = new Store();
  const { client } = start({ one: { ...memoryServer().config, maxMessageBytes: 1_000 } }, { cache: store.cache });
  await client.listTools("one");
  const [context] = store.contexts;
  const [[key = "", text = ""] = []] = store.texts;
  const good = JSON.parse(text);
  expect(context?.codec.decode(text)).toMatchObject({ list: "tools" });
  expect(() => context?.codec.encode({ items: [] })).toThrow(TypeError);
  const bad = [
    "",
    "null",
    "[]",
    "{",
    JSON.stringify({ ...good, version: 2 }),
    JSON.stringify({ ...good, list: "toString" }),
    JSON.stringify({ ...good, items: {} }),
    JSON.stringify({ ...good, items: [null] }),
    JSON.stringify({ ...good, items: [{ name: "x" }] }),
    JSON.stringify({ ...good, ttlMs: -1 }),
    JSON.stringify({ ...good, cacheScope: "everybody" }),
    JSON.stringify({ ...good, padding: "x".repeat(1_000) }),
  ];
  for (const one of bad) expect(() => context?.codec.decode(one), one.slice(0, 40)).toThrow(TypeError);
  // A list under the key of another one is not that list.
  const other = start({ one: memoryServer().config }, { cache: store.cache }).client;
  store.texts.set(key, JSON.stringify({ ...good, list: "prompts", items: [] }));
  expect(await rejection(other.listTools("one"))).toBeInstanceOf(TypeError);
});

test("M16: an identity tells servers apart by where they are reached, and holds no value of a header or variable", () => {
  const identityOf = (config: ServerConfig, name = "one"): string => {
    const contexts: string[] = [];
    start(
      { [name]: config },
      {
        cache: (_, options, { identity }) => {
          contexts.push(identity);
          return new Cache(options);
        },
      },
    );
    return contexts[0] ?? "";
  };
  const url = "http://127.0.0.1:9/mcp";
  const same = [{ url }, { url, headers: {} }, { url, callTimeoutMs: 5 }].map((one) => identityOf(one));
  expect(new Set(same).size).toBe(1);
  expect(same[0]).toMatch(/^[0-9a-f]{32}$/);
  const [one, two] = ["1", "2"].map((value) => identityOf({ url, headers: { "X-Key": value } }, value));
  expect(one).toBe(two);
  const all: ServerConfig[] = [
    { url },
    { url: `${url}/other` },
    { url, headers: { "X-Key": "1" } },
    { url, replicas: [{ url: `${url}/other` }] },
    { command: "a" },
    { command: "a", args: ["b"] },
    { command: "a", args: ["b"], cwd: "/" },
    { command: "a", env: { A: "1" } },
  ];
  expect(new Set(all.map((config) => identityOf(config))).size).toBe(all.length);
  // What a function connects to may be another thing in another process.
  const { config } = memoryServer();
  expect(identityOf(config)).not.toBe(identityOf(config));
  expect(identityOf({ url, replicas: [config] })).not.toBe(identityOf({ url, replicas: [config] }));
});

test("Seams: a breaker is told for which server and replica it is", () => {
  const told: [string, BreakerContext][] = [];
  const { config } = memoryServer();
  start(
    { "a#1": config, a: { ...config, replicas: [config] } },
    {
      breaker: (server, options, context) => {
        told.push([server, context]);
        return new CircuitBreaker(options);
      },
    },
  );
  expect(told.map(([server, { replica }]) => [server, replica])).toEqual([
    ["a#1", 0],
    ["a", 0],
    ["a", 1],
  ]);
  const [first, second, third] = told.map(([, { identity }]) => identity);
  expect(second).toBe(third);
  expect(first).not.toBe(second);
});

test("Seams: the cache says that a list has changed elsewhere, which is told and forgotten here, and not said again", async () => {
  const store = new Store();
  const server = memoryServer();
  const { client, events } = start({ one: server.config }, { cache: store.cache });
  await client.listTools("one", { principal: "ann" });
  const before = server.lists.length;
  store.texts.clear();
  store.changed?.("tools");
  store.changed?.("resourceTemplates");
  expect(store.invalidated).toEqual([]);
  const changed = events.flatMap((event) => (event.type === "listChanged" ? [event.list] : []));
  expect(changed).toEqual(["tools", "resources"]);
  await client.listTools("one", { principal: "ann" });
  expect(server.lists).toHaveLength(before + 1);
});
