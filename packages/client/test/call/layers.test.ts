import { CircuitBreaker } from "@minion/breaker";
import { Pool } from "@minion/pool";
import { expect, test } from "vitest";
import type { Breaker, SessionPool } from "../../src/index.js";
import { deferred, memoryServer, rejection, start, statusOf, until } from "../support.js";

/** A breaker that counts verdicts and refuses when it is told to. */
class SwitchBreaker implements Breaker {
  readonly retryAfterMs = 0;
  readonly verdicts: string[] = [];
  isOff = false;

  get state(): Breaker["state"] {
    return this.isOff ? "open" : "closed";
  }

  admit(): ReturnType<Breaker["admit"]> {
    if (this.isOff) throw new Error("switched off");
    const note = (verdict: string) => () => void this.verdicts.push(verdict);
    return { success: note("success"), failure: note("failure"), ignore: note("ignored") };
  }

  stats(): ReturnType<Breaker["stats"]> {
    return new CircuitBreaker().stats();
  }
}

test("Layers: a call passes deadline, retry, replica, breaker, pool and session, in this order", async () => {
  const log: string[] = [];
  const noted = (name: string) => {
    const server = memoryServer();
    server.connect = () => {
      log.push(`connect ${name}`);
      throw new Error("down");
    };
    return server.config;
  };
  const { client, events } = start(
    { one: { ...noted("a"), replicas: [noted("b")], retry: { maxAttempts: 2, initialDelayMs: 0 } } },
    {
      pool: (options) => {
        const pool = new Pool(options);
        const acquire = (...args: Parameters<SessionPool["acquire"]>): ReturnType<SessionPool["acquire"]> => {
          log.push(`pool ${args[0]}`);
          return pool.acquire(...args);
        };
        return {
          acquire,
          clear: (...args) => pool.clear(...args),
          stats: (key) => pool.stats(key),
          close: (options) => pool.close(options),
        };
      },
      breaker: (_, options) => {
        const breaker = new CircuitBreaker(options);
        return {
          get state() {
            return breaker.state;
          },
          get retryAfterMs() {
            return breaker.retryAfterMs;
          },
          admit: () => {
            log.push(`breaker ${options.name}`);
            return breaker.admit();
          },
          stats: () => breaker.stats(),
        };
      },
    },
  );
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_CONNECT" });
  const once = ["breaker one", 'pool ["one",0,null]', "connect a", "breaker one#1", 'pool ["one",1,null]', "connect b"];
  expect(log).toEqual([...once, ...once]);
  expect(events.filter(({ type }) => type === "callFinished")).toMatchObject([{ attempts: 2 }]);
});

test("Layers: a list passes the cache first: what is cached asks no breaker and no pool", async () => {
  const server = memoryServer();
  const breaker = new SwitchBreaker();
  const { client } = start({ one: server.config }, { breaker: () => breaker });
  await client.listTools("one");
  breaker.isOff = true;
  expect(await client.listTools("one")).toHaveLength(1);
  expect(breaker.verdicts).toEqual(["success"]);
});

test("Layers: the breaker is asked before the pool: a refused call takes no place in the queue", async () => {
  const server = memoryServer();
  const breaker = new SwitchBreaker();
  breaker.isOff = true;
  const { client } = start({ one: server.config }, { breaker: () => breaker });
  await rejection(client.callTool("one", "echo"));
  expect(statusOf(client, "one").pool).toMatchObject({ acquired: 0, rejected: 0, cancelled: 0 });
});

test("Layers: multiplexed first, another connection only when all places are taken, the least loaded first", async () => {
  const gate = deferred();
  const server = memoryServer({ call: () => gate.promise.then(() => ({ content: [] })) });
  const { client } = start({ one: { ...server.config, maxCallsPerConnection: 3, maxConnections: 2 } });
  const calls = Array.from({ length: 3 }, () => client.callTool("one", "echo"));
  await until(() => server.calls.length === 3, "three calls");
  expect(server.contexts).toHaveLength(1);
  calls.push(client.callTool("one", "echo"));
  await until(() => server.calls.length === 4, "the fourth call");
  expect(server.contexts).toHaveLength(2);
  calls.push(...Array.from({ length: 4 }, () => client.callTool("one", "echo")));
  await until(() => statusOf(client, "one").pool.waiting === 2, "two calls wait");
  await until(() => server.calls.length === 6, "two more calls");
  gate.resolve();
  await Promise.all(calls);
  expect(server.contexts).toHaveLength(2);
});

test("Layers: with room for two connections in all, the one idle longest makes room for a third server", async () => {
  const servers = [memoryServer(), memoryServer(), memoryServer()] as const;
  const { client } = start(
    { a: servers[0].config, b: servers[1].config, c: servers[2].config },
    { maxTotalConnections: 2 },
  );
  await client.callTool("a", "echo");
  await client.callTool("b", "echo");
  await client.callTool("a", "echo");
  await client.callTool("c", "echo");
  expect(client.status().map(({ name, connected }) => [name, connected])).toEqual([
    ["a", true],
    ["b", false],
    ["c", true],
  ]);
});
