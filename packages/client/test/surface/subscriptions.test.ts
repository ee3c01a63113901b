import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import {
  CallToolRequestSchema,
  McpError,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import type { ConnectContext, CustomServer } from "../../src/index.js";
import { deferred, ofType, rejection, start, statusOf, until } from "../support.js";

interface Subscribable {
  readonly config: CustomServer;
  readonly servers: Server[];
  readonly contexts: ConnectContext[];
  /** `subscribe` and `unsubscribe` with their resource, as they arrived. */
  readonly asked: string[];
  hang: Promise<void> | undefined;
  isDown: boolean;
  update(uri: string): Promise<void>;
}

/** A server in this process whose resources can be subscribed to. */
function subscribable(): Subscribable {
  const one: Subscribable = {
    servers: [],
    contexts: [],
    asked: [],
    hang: undefined,
    isDown: false,
    update: async (uri) => {
      for (const server of one.servers)
        await server.notification({ method: "notifications/resources/updated", params: { uri } });
    },
    config: {
      connect: async (context) => {
        if (one.isDown) throw new Error("down");
        one.contexts.push(context);
        const server = new Server(
          { name: "subscribable", version: "1" },
          { capabilities: { tools: {}, resources: { subscribe: true } } },
        );
        server.setRequestHandler(SubscribeRequestSchema, ({ params: { uri } }) => {
          one.asked.push(`subscribe ${uri}`);
          if (uri.startsWith("none:")) throw new McpError(-32002, "there is no such resource");
          return {};
        });
        server.setRequestHandler(UnsubscribeRequestSchema, ({ params: { uri } }) => {
          one.asked.push(`unsubscribe ${uri}`);
          return {};
        });
        server.setRequestHandler(CallToolRequestSchema, async () => {
          await one.hang;
          return { content: [] };
        });
        server.onclose = () => void one.servers.splice(one.servers.indexOf(server), 1);
        const [ours, theirs] = InMemoryTransport.createLinkedPair();
        await server.connect(theirs);
        one.servers.push(server);
        const client = new Client({ name: "test", version: "1" });
        await client.connect(ours);
        return client;
      },
    },
  };
  return one;
}

test("M21: a subscription tells of its resource and of parts of it, and of no other, until it is disposed", async () => {
  const server = subscribable();
  const { client, events } = start({ one: server.config });
  let heard = 0;
  const subscription = await client.subscribeResource("one", "file:///a", () => (heard += 1));
  for (const uri of ["file:///a", "file:///a/part", "file:///ab", "file:///b"]) await server.update(uri);
  await until(() => ofType(events, "serverNotification").length === 4, "the notifications");
  expect(heard).toBe(2);
  await subscription[Symbol.asyncDispose]();
  await subscription[Symbol.asyncDispose]();
  await server.update("file:///a");
  await until(() => ofType(events, "serverNotification").length === 5, "the notification");
  expect(heard).toBe(2);
  expect(server.asked).toEqual(["subscribe file:///a", "unsubscribe file:///a"]);
  expect(statusOf(client, "one").pool.leases).toBe(0);
});

test("M21: of several listeners to a resource the last to leave unsubscribes, and one that throws hurts no other", async () => {
  const server = subscribable();
  const { client } = start({ one: server.config });
  const heard: string[] = [];
  const [first, second] = await Promise.all([
    client.subscribeResource("one", "file:///a", () => {
      heard.push("first");
      throw new Error("from a listener");
    }),
    client.subscribeResource("one", "file:///a", () => void heard.push("second")),
  ]);
  await server.update("file:///a");
  await until(() => heard.length === 2, "both are told");
  await first?.[Symbol.asyncDispose]();
  expect(server.asked.filter((one) => one.startsWith("un"))).toEqual([]);
  await server.update("file:///a");
  await until(() => heard.length === 3, "the second is told");
  await second?.[Symbol.asyncDispose]();
  expect(server.asked.at(-1)).toBe("unsubscribe file:///a");
  expect(server.contexts).toHaveLength(1);
});

test("M21: subscriptions are kept over a lost connection and an outage, and the listener hears of the gap", async () => {
  const server = subscribable();
  const { client } = start({ one: server.config });
  let heard = 0;
  await client.subscribeResource("one", "file:///a", () => (heard += 1));
  server.isDown = true;
  await server.servers[0]?.close();
  await until(() => !statusOf(client, "one").connected, "the loss");
  server.isDown = false;
  await until(() => heard === 1, "the listener hears of the gap");
  expect(server.asked).toEqual(["subscribe file:///a", "subscribe file:///a"]);
  await server.update("file:///a");
  await until(() => heard === 2, "the update over the new connection");
});

test("M21: a subscription that the server refuses rejects with its error and holds nothing", async () => {
  const server = subscribable();
  const { client } = start({ one: server.config });
  expect(await rejection(client.subscribeResource("one", "none:a", () => {}))).toMatchObject({ code: -32002 });
  expect(statusOf(client, "one").pool.leases).toBe(0);
  const wrong = [client.subscribeResource("one", "", () => {}), client.subscribeResource("one", "a:b", "x" as never)];
  for (const one of wrong) expect(await rejection(one)).toBeInstanceOf(TypeError);
});

test("M21: updates of one principal are not told to another's listener", async () => {
  const server = subscribable();
  const { client, events } = start({ one: server.config });
  const heard: string[] = [];
  for (const principal of ["ann", "bob"])
    await client.subscribeResource("one", "file:///a", () => void heard.push(principal), { principal });
  await server.servers[1]?.notification({ method: "notifications/resources/updated", params: { uri: "file:///a" } });
  await until(() => ofType(events, "serverNotification").length === 1, "the notification");
  expect(heard).toEqual(["bob"]);
  expect(ofType(events, "serverNotification")[0]).toMatchObject({ principal: "bob", params: { uri: "file:///a" } });
});

test("M21: a subscription takes no place that a call waits for", async () => {
  const server = subscribable();
  const { client } = start({ one: { ...server.config, maxConnections: 1, maxCallsPerConnection: 1 } });
  let heard = 0;
  await client.subscribeResource("one", "file:///a", () => (heard += 1));
  await client.callTool("one", "any");
  await until(() => statusOf(client, "one").pool.leases === 1, "the place is taken again");
  await server.update("file:///a");
  await until(() => heard === 1, "the update");
  expect(server.contexts).toHaveLength(1);
});

test("M21: a connection that is too old is replaced, though a subscription holds it", async () => {
  const server = subscribable();
  const { client } = start({ one: { ...server.config, maxConnections: 1, pool: { maxLifetimeMs: 300 } } });
  let heard = 0;
  await client.subscribeResource("one", "file:///a", () => (heard += 1));
  await until(() => server.contexts.length > 1 && server.servers.length === 1, "another connection");
  await until(() => server.asked.filter((one) => one.startsWith("sub")).length > 1, "the subscription on it");
  await server.update("file:///a");
  await until(() => heard > 0, "the update");
});

test("M21: close() and removeServer() wait for no subscription, and none is kept", async () => {
  const server = subscribable();
  const { client } = start({ one: server.config, two: server.config });
  await client.subscribeResource("one", "file:///a", () => {});
  await client.subscribeResource("two", "file:///a", () => {});
  await client.removeServer("one");
  await client.close();
  expect(server.servers).toEqual([]);
  expect(server.asked).toHaveLength(2);
});

test("M1, M21: a subscription ends by its deadline and by its signal", async () => {
  const server = subscribable();
  const gate = deferred();
  const { client } = start({ one: { connect: (context) => gate.promise.then(() => server.config.connect(context)) } });
  const subscribe = (options: object) => rejection(client.subscribeResource("one", "a:b", () => {}, options));
  expect(await subscribe({ timeoutMs: 20 })).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  const reason = new Error("enough");
  expect(await subscribe({ signal: AbortSignal.abort(reason) })).toBe(reason);
  gate.resolve();
});

test("M21: server-everything's updates reach a listener, over stdio", { timeout: 60_000 }, async () => {
  const script = join("node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js");
  const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
  const { client } = start({ everything: { command: process.execPath, args: [path, "stdio"] } });
  const [resource] = await client.listResources("everything");
  let heard = 0;
  await client.subscribeResource("everything", resource?.uri ?? "", () => (heard += 1));
  await client.callTool("everything", "toggle-subscriber-updates");
  await until(() => heard > 0, "an update", 50_000);
  const info = await client.serverInfo("everything");
  expect(info).toMatchObject({
    name: expect.stringMatching(/everything/),
    capabilities: { resources: { subscribe: true } },
  });
  expect(info.instructions).toBeTypeOf("string");
});
