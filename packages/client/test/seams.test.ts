import { CircuitBreaker, type CircuitBreakerOptions } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { Pool, type PoolOptions } from "@minion/pool";
import { expect, expectTypeOf, test } from "vitest";
import type { Breaker, McpSession, SessionPool, ToolListCache } from "../src/index.js";
import { memoryServer, rejection, start, statusOf } from "./support.js";

test("Seams: the parts fit their seams as they are", () => {
  expectTypeOf<Pool<McpSession>>().toExtend<SessionPool>();
  expectTypeOf<Cache<unknown>>().toExtend<ToolListCache>();
  expectTypeOf<CircuitBreaker>().toExtend<Breaker>();
  expect(Pool).toBeTypeOf("function");
});

test("Seams: another pool is asked for every connection, and closed", async () => {
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

test("Seams: another cache is asked for every list, one for each server", async () => {
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

test("Seams: a cache that gives out what was not put into it is an error, not a list", async () => {
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

test("Seams: another breaker judges every call, one for each replica", async () => {
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

test("Seams: breaker: false and cache: false leave them out", async () => {
  const server = memoryServer();
  const { client } = start({ one: { ...server.config, breaker: false, cache: false } });
  await client.listTools("one");
  await client.listTools("one");
  expect(server.lists).toHaveLength(2);
  expect(statusOf(client, "one")).toMatchObject({ breaker: undefined, cache: undefined, health: "healthy" });
});
