import { CircuitBreaker, type CircuitBreakerOptions } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { Pool, type PoolOptions } from "@minion/pool";
import { expect, expectTypeOf, test } from "vitest";
import type { Breaker, McpSession, SessionPool, ToolListCache } from "../src/index.js";
import { memoryServer, ofType, rejection, start, statusOf, until } from "./support.js";

/** What makes a pool that is as the usual one but for `changes`. */
function poolWith(changes: (inner: Pool<McpSession>) => Partial<SessionPool>) {
  return (options: PoolOptions<McpSession>): SessionPool => {
    const inner = new Pool(options);
    return {
      acquire: (key, how) => inner.acquire(key, how),
      clear: (key, how) => inner.clear(key, how),
      stats: inner.stats.bind(inner),
      close: (how) => inner.close(how),
      ...changes(inner),
    };
  };
}

test("Interfaces: the pool, the breaker and the cache fit as they are", () => {
  expectTypeOf<Pool<McpSession>>().toExtend<SessionPool>();
  expectTypeOf<Cache<unknown>>().toExtend<ToolListCache>();
  expectTypeOf<CircuitBreaker>().toExtend<Breaker>();
  expect(Pool).toBeTypeOf("function");
});

test("Interfaces: another pool is asked for every connection, and closed", async () => {
  const log: string[] = [];
  const server = memoryServer();
  const { client } = start(
    { one: server.config },
    {
      maxTotalConnections: 7,
      pool: (options: PoolOptions<McpSession>): SessionPool => {
        expect(options.maxTotal).toBe(7);
        const inner = new Pool(options);
        return {
          acquire: (key, how) => {
            log.push(`acquire ${key}`);
            return inner.acquire(key, how);
          },
          clear: (key, how) => inner.clear(key, how),
          stats: ((key?: string) => inner.stats(key)) as SessionPool["stats"],
          close: (how) => {
            log.push("close");
            return inner.close(how);
          },
        };
      },
    },
  );
  await client.callTool("one", "echo");
  await client.callTool("one", "echo", {}, { principal: "ann" });
  await client.close();
  expect(log).toEqual(['acquire ["one",0,null]', 'acquire ["one",0,"ann"]', "close"]);
});

test("Interfaces: another cache is asked for every list, one for each server", async () => {
  const made: string[] = [];
  const kept = new Map<string, unknown>();
  const makeCache = (name: string): ToolListCache => {
    made.push(name);
    const figures = new Cache<unknown>();
    return {
      getOrSet: async (key, load) => {
        if (!kept.has(key)) {
          const { signal } = new AbortController();
          kept.set(key, await Reflect.apply(load, undefined, [{ key, signal }]));
        }
        return kept.get(key);
      },
      invalidate: (key) => kept.delete(key),
      inspect: () => undefined,
      stats: () => figures.stats(),
      close: () => figures.close(),
    };
  };
  const [one, two] = [memoryServer(), memoryServer()];
  const { client } = start({ one: one.config, two: two.config }, { cache: makeCache });
  for (let i = 0; i < 3; i++) await client.listAllTools();
  expect([one.lists.length, two.lists.length]).toEqual([1, 1]);
  await one.notify();
  await client.listAllTools();
  expect([one.lists.length, two.lists.length]).toEqual([2, 1]);
  expect(made).toEqual(["one", "two"]);
  expect(kept.size).toBe(2);
});

test("Interfaces: a cache that gives out what was not put into it is an error, not a list", async () => {
  const makeCache = (): ToolListCache => {
    const inner = new Cache<unknown>();
    return {
      getOrSet: () => Promise.resolve("nonsense"),
      invalidate: (key) => inner.invalidate(key),
      inspect: (key) => inner.inspect(key),
      stats: () => inner.stats(),
      close: () => inner.close(),
    };
  };
  const { client } = start({ one: memoryServer().config }, { cache: makeCache });
  expect(await rejection(client.listTools("one"))).toBeInstanceOf(TypeError);
});

test("Interfaces: another breaker judges every call, one for each replica", async () => {
  const verdicts: string[] = [];
  const makeBreaker = (server: string, options: CircuitBreakerOptions): Breaker => {
    verdicts.push(`made ${server} ${options.name}`);
    const inner = new CircuitBreaker(options);
    return {
      get state() {
        return inner.state;
      },
      get retryAfterMs() {
        return inner.retryAfterMs;
      },
      admit: () => {
        const permit = inner.admit();
        return {
          ...permit,
          success: () => {
            verdicts.push("success");
            permit.success();
          },
          failure: (error: unknown) => {
            verdicts.push("failure");
            permit.failure(error);
          },
          ignore: () => {
            verdicts.push("ignore");
            permit.ignore();
          },
        };
      },
      stats: () => inner.stats(),
    };
  };
  const down = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const up = memoryServer();
  const { client } = start(
    { one: { ...down.config, replicas: [up.config], retry: { initialDelayMs: 1 } } },
    { breaker: makeBreaker },
  );
  await client.callTool("one", "echo");
  expect(verdicts).toEqual(["made one one", "made one one#1", "failure", "success"]);
  expect(statusOf(client, "one").replicas).toMatchObject([
    { index: 0, breaker: { failures: 1 } },
    { index: 1, breaker: { failures: 0 } },
  ]);
});

test("Interfaces: breaker: false and cache: false leave them out", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, breaker: false, cache: false } });
  await client.listTools("one");
  await client.listTools("one");
  expect(server.lists).toHaveLength(2);
  expect(statusOf(client, "one")).toMatchObject({ breaker: undefined, cache: undefined, health: "healthy" });
});

test.each([
  ["ERR_POOL_QUEUE_FULL", "ERR_MCP_OVERLOADED"],
  ["ERR_POOL_CLOSED", "ERR_MCP_CLOSED"],
  ["ERR_POOL_CREATE", "ERR_MCP_CONNECT"],
  ["ERR_POOL_TIMEOUT", "ERR_MCP_CONNECT"],
  ["ERR_POOL_VALIDATION", "ERR_MCP_CONNECT"],
])("Interfaces: a pool's %s is told as %s, and the call was not sent", async (code, told) => {
  const refusal = Object.assign(new Error("no room"), { code });
  const pool = poolWith(() => ({ acquire: () => Promise.reject(refusal) }));
  const { client } = start({ one: { ...memoryServer().config, retry: false } }, { pool });
  const error = await rejection(client.callTool("one", "echo"));
  expect(error).toMatchObject({ code: told, server: "one", delivery: "not-sent", cause: refusal });
});

test("Interfaces: what else a pool rejects with reaches the caller as it is", async () => {
  for (const reason of ["broken", undefined, new RangeError("broken")]) {
    const pool = poolWith(() => ({ acquire: () => Promise.reject(reason) }));
    const { client, events } = start({ one: memoryServer().config }, { pool });
    expect(await rejection(client.callTool("one", "echo"))).toBe(reason);
    const [finished] = ofType(events, "callFinished");
    expect(finished).toMatchObject({ outcome: "error", errorType: reason instanceof Error ? "RangeError" : "_OTHER" });
    if (reason !== undefined)
      expect(statusOf(client, "one").lastError?.message).toBe(reason instanceof Error ? reason.message : reason);
  }
});

test("Interfaces: a session that the client did not make is refused and given back", async () => {
  const foreign = memoryServer();
  const destroyed: string[] = [];
  const { client } = start(
    { one: { ...memoryServer().config, maxConnections: 1, maxCallsPerConnection: 1 } },
    {
      pool: (options: PoolOptions<McpSession>): SessionPool =>
        new Pool({
          ...options,
          create: (key) =>
            foreign.config.connect({ server: key, principal: undefined, signal: new AbortController().signal }),
          destroy: async (session, context) => {
            await options.destroy?.(session, context);
            destroyed.push(context.reason);
          },
        }),
    },
  );
  for (let i = 0; i < 3; i++) expect(await rejection(client.callTool("one", "echo"))).toBeInstanceOf(TypeError);
  expect(foreign.contexts).toHaveLength(1);
  await client.close();
  expect(destroyed).toEqual(["closed"]);
  // It was not the client's to close.
  expect(foreign.connections).toHaveLength(1);
});

test("Interfaces: a pool that asks for a server that there is not is told so", () => {
  let limitsFor: PoolOptions<McpSession>["limitsFor"];
  const { client } = start(
    { one: memoryServer().config },
    {
      pool: (options) => {
        ({ limitsFor } = options);
        return new Pool(options);
      },
    },
  );
  expect(limitsFor?.('["one",0,null]')).toMatchObject({ maxPerKey: 10 });
  expect(() => limitsFor?.('["two",0,null]')).toThrow(expect.objectContaining({ code: "ERR_MCP_SERVER_NOT_FOUND" }));
  expect(client.status()).toHaveLength(1);
});

test("Interfaces: the waits of a pool whose histograms are not alike are summed as far as they are", async () => {
  const pool = poolWith((inner) => ({
    stats: ((key?: string) => {
      const { acquireMs, ...rest } = inner.stats(key);
      return { ...rest, acquireMs: key?.includes("ann") ? { bounds: [], counts: [], sum: 0 } : acquireMs };
    }) as SessionPool["stats"],
  }));
  const { client } = start({ one: memoryServer().config }, { pool });
  await client.callTool("one", "echo");
  await client.callTool("one", "echo", {}, { principal: "ann" });
  const { acquired, acquireMs } = statusOf(client, "one").pool;
  expect(acquired).toBe(2);
  expect(acquireMs.counts.reduce((sum, count) => sum + count, 0)).toBe(1);
});

test("Interfaces: a refusal that has no end says that no retry will help", async () => {
  const breaker = new CircuitBreaker();
  breaker.forceOpen();
  const server = memoryServer();
  const { client } = start({ one: server.config }, { breaker: () => breaker });
  const error = await rejection(client.callTool("one", "echo"));
  expect(error).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", retryAfterMs: Number.POSITIVE_INFINITY });
  expect(String(error)).toContain("Do not retry.");
  expect(statusOf(client, "one")).toMatchObject({ health: "unavailable", nextRetryAt: undefined });
  expect(server.contexts).toHaveLength(0);
});

test("Interfaces: a pool whose clear and destroy fail costs no call", async () => {
  const server = memoryServer();
  const pool = poolWith((inner) => ({
    clear: () => Promise.reject(new Error("it cannot be cleared")),
    acquire: async (key, how) => {
      const lease = await inner.acquire(key, how);
      const destroy = lease.destroy.bind(lease);
      lease.destroy = async (cause) => {
        await destroy(cause);
        throw new Error("it cannot be destroyed");
      };
      return lease;
    },
  }));
  const breaker = { failureThreshold: 1, openMs: 20 };
  const { client } = start({ one: { ...server.config, retry: false, breaker } }, { pool });
  const state = () => statusOf(client, "one").breaker?.state;
  await client.callTool("one", "echo");
  // From here on the server hears nothing.
  const [connection] = server.connections;
  if (connection?.transport !== undefined) connection.transport.onmessage = () => {};
  expect(await rejection(client.callTool("one", "echo", {}, { timeoutMs: 50 }))).toMatchObject({
    code: "ERR_MCP_TIMEOUT",
  });
  await until(() => state() === "half-open", "the end of the rest");
  await client.callTool("one", "echo");
  expect(state()).toBe("closed");
});
