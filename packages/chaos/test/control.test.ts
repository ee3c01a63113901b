import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { chaosCommand, readJournal, spawnChaosServer, startChaosServer } from "../src/index.js";
import { entriesOf, isAlive, openBench, temporaryFolder, until } from "./support.js";

describe("options", () => {
  test.each([
    [
      { prot: 1 },
      'startChaosServer: there is no option "prot"; there are port, host, allowedHosts, faults, protocol, versions, journal',
    ],
    [{ port: -1 }, "startChaosServer: port must be an integer from 0 to 65535, got -1"],
    [{ port: "80" }, 'startChaosServer: port must be an integer from 0 to 65535, got "80"'],
    [{ journal: 1 }, "startChaosServer: journal must be a file name, got 1"],
    [{ faults: { hang: true } }, 'startChaosServer: there is no fault "hang"'],
    [{ faults: { toString: true } }, 'startChaosServer: there is no fault "toString"'],
    [{ faults: { hangCalls: 1 } }, "startChaosServer: hangCalls must be true or false, got 1"],
    [{ faults: { times: Number.NaN } }, "startChaosServer: times must be a positive integer or Infinity, got NaN"],
    [{ faults: { times: 1n } }, "startChaosServer: times must be a positive integer or Infinity, got 1n"],
    [{ faults: [] }, "startChaosServer: faults must be an object, got []"],
    [{ faults: 7 }, "startChaosServer: faults must be an object, got 7"],
    [[], "startChaosServer: options must be an object, got []"],
    [null, "startChaosServer: options must be an object, got null"],
    [Promise.resolve({ port: 0 }), "startChaosServer: options must be an object, got Promise"],
    [{ faults: new Map([["hangCalls", true]]) }, "startChaosServer: faults must be an object, got Map(1)"],
  ])("%o is refused before anything starts", async (options, message) => {
    // @ts-expect-error: what the types forbid
    await expect(startChaosServer(options)).rejects.toThrow(message);
  });

  test.each([{ host: 5 }, { journal: 5 }, { allowedHosts: 5 }, { versions: {} }])(
    "%o is of the wrong type: a TypeError",
    async (options) => {
      // @ts-expect-error: what the types forbid
      await expect(startChaosServer(options)).rejects.toThrow(TypeError);
    },
  );
  test.each([
    [{ lacks: {} }, TypeError],
    [{ versions: { length: 1 } }, TypeError],
    [{ versions: [1] }, TypeError],
    [{ extraTools: {} }, TypeError],
    [{ extraTools: [{}] }, TypeError],
    [{ status: "400" }, TypeError],
    [{ retryAfter: {} }, TypeError],
    [{ cacheScope: 1 }, TypeError],
    [{ lacks: ["x"] }, RangeError],
    [{ status: 200 }, RangeError],
    [{ ttlMs: -1 }, RangeError],
    [{ retryAfter: "" }, RangeError],
    [{ cacheScope: "x" }, RangeError],
    [{ reply: "x" }, RangeError],
  ])("a fault of the wrong type is a TypeError, of the right type a RangeError: %o", (faults, kind) => {
    // @ts-expect-error: what the types forbid
    expect(() => chaosCommand({ faults })).toThrow(kind);
  });

  test("a refused value stands on one line, whatever it is", () => {
    const values: readonly unknown[] = [new Array(200).fill("y"), new Error("a\nb"), { a: new Array(30).fill(1) }];
    for (const noise of values) {
      // @ts-expect-error: what the types forbid
      expect(() => chaosCommand({ faults: { noise } })).toThrow(/^chaosCommand: noise must be .*, got .*$/);
    }
  });

  test("P24: a message holds at most 100 characters of a name or a value, and calls nothing of the value's own", () => {
    const long = "x".repeat(5_000);
    expect(() => chaosCommand({ [long]: 1 })).toThrow(/^chaosCommand: there is no option "x{97}\.\.\."; there are/);
    expect(() => chaosCommand({ faults: Object.fromEntries([[long, true]]) })).toThrow(/no fault "x{97}\.\.\."$/);
    // @ts-expect-error: what the types forbid
    expect(() => chaosCommand({ controlPort: long })).toThrow(/got "x{97}\.\.\."$/);
    // @ts-expect-error: what the types forbid
    expect(() => chaosCommand({ controlPort: { [inspect.custom]: () => assert.fail("called") } })).toThrow(TypeError);
  });

  test("undefined is the default everywhere", async () => {
    await using server = await startChaosServer({
      port: undefined,
      faults: { status: undefined, times: undefined },
      journal: undefined,
    });
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/mcp`);
    expect(chaosCommand({ faults: { noise: undefined, busy: false }, env: undefined })).toEqual({
      command: process.execPath,
      args: [expect.stringMatching(/dist\/cli\.js$/), "stdio"],
      env: {},
    });
  });

  test("a command holds what it was told, and checks it", () => {
    const { args, env } = chaosCommand({
      journal: "j",
      controlPort: 0,
      maxLifeMs: 5,
      env: { A: "b" },
      faults: { busy: true, retryAfter: 3 },
    });
    expect(args.slice(2)).toEqual(["--journal=j", "--control-port=0", "--max-life-ms=5", "--busy", "--retry-after=3"]);
    expect(env).toEqual({ A: "b" });
    expect(() => chaosCommand({ faults: { chunkBytes: 0 } })).toThrow(RangeError);
    // @ts-expect-error: what the types forbid
    expect(() => chaosCommand({ env: { A: 1 } })).toThrow(
      "chaosCommand: env must be an object of strings, got { A: 1 }",
    );
  });

  test("a port that is taken rejects", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    await expect(startChaosServer({ port })).rejects.toMatchObject({ code: "EADDRINUSE" });
    await new Promise((resolve) => taken.close(resolve));
    await using server = await startChaosServer({ port });
    expect(server.port).toBe(port);
  });
});

describe("control", () => {
  test("faults are set, switched off by null and reset to those of the start", async () => {
    await using server = await startChaosServer({ faults: { tools: 3 } });
    const post = async (order: unknown): Promise<Record<string, unknown>> => {
      const reply = await fetch(server.controlUrl, { method: "POST", body: JSON.stringify(order) });
      const body: object = JSON.parse(await reply.text());
      return { status: reply.status, ...body };
    };
    expect(await post({ set: { tools: 5, status: 503 } })).toMatchObject({
      status: 200,
      faults: { tools: 5, status: 503 },
    });
    const switchedOff = await post({ set: { tools: null, status: null } });
    expect(switchedOff).toMatchObject({ faults: { tools: 0 } });
    expect(await post({ reset: true, set: { noise: 1 } })).toMatchObject({ faults: { tools: 3, noise: 1 } });
    expect(await post({ reset: true })).toMatchObject({
      faults: { tools: 3, noise: 0 },
      sessions: 0,
      pid: process.pid,
    });
  });

  test.each([
    [[], "a control request must be an object, got []"],
    [{}, "a control request needs set, reset or action"],
    [{ act: 1 }, 'a control request has no member "act"'],
    [{ reset: 1 }, "reset must be true or false, got 1"],
    [{ set: 1 }, "set must be an object of faults, got 1"],
    [{ set: [] }, "faults must be an object, got []"],
    [{ set: { nope: 1 } }, 'there is no fault "nope"'],
    [
      { action: "explode" },
      'action must be one of forgetSessions, dropConnections, dropStreams, cutStreams, listChanged, resourceUpdated, freeze, exit, got "explode"',
    ],
    [{ action: "freeze", ms: -1 }, "ms must be a whole number from 0 up, got -1"],
  ])("%o is refused, and nothing is done", async (order, message) => {
    await using server = await startChaosServer({ faults: { tools: 3 } });
    server.set({ tools: 4 });
    const body = Array.isArray(order) ? order : { reset: true, ...order };
    const reply = await fetch(server.controlUrl, {
      method: "POST",
      body: JSON.stringify(Object.keys(order).length === 0 ? order : body),
    });
    expect([reply.status, await reply.json()]).toEqual([400, { error: `startChaosServer: ${message}` }]);
    expect(await (await fetch(server.controlUrl)).json()).toMatchObject({ faults: { tools: 4 } });
  });

  test("an order that drops connections or ends the server is answered all the same", async () => {
    await using server = await startChaosServer();
    const held = fetch(server.sseUrl).then((reply) => reply.text());
    const lost = expect(held).rejects.toThrow("terminated");
    await until("the stream is open", () => entriesOf(server.journal(), "http").length === 1);
    const order = (action: string): Promise<number> =>
      fetch(server.controlUrl, { method: "POST", body: JSON.stringify({ action }) }).then((reply) => reply.status);
    expect(await order("dropConnections")).toBe(200);
    await lost;
    expect(await order("exit")).toBe(200);
  });

  test("no web site can reach it, and only GET and POST are known", async () => {
    await using server = await startChaosServer();
    const from = (origin: string): Promise<number> =>
      fetch(server.controlUrl, { headers: { origin } }).then((reply) => reply.status);
    expect([
      await from("http://evil.example"),
      await from("http://localhost.evil.example"),
      await from("http://localhost:3000"),
    ]).toEqual([403, 403, 200]);
    expect((await fetch(server.controlUrl, { method: "DELETE" })).status).toBe(405);
    expect((await fetch(server.controlUrl, { method: "POST", body: "{" })).status).toBe(400);
  });

  test("the tool refuses a bad order with a JSON-RPC error", async () => {
    await using bench = await openBench("http-json");
    await expect(bench.call("chaos", { set: { nope: 1 } })).rejects.toMatchObject({ code: -32602 });
    await expect(bench.call("chaos", {})).rejects.toMatchObject({ code: -32602 });
    await bench.call("chaos", { action: "freeze", ms: 1 });
  });

  test("set throws like the start and changes nothing then", async () => {
    await using server = await startChaosServer();
    expect(() => server.set({ tools: 2, chunkBytes: -1 })).toThrow(RangeError);
    expect(await (await fetch(server.controlUrl)).json()).toMatchObject({ faults: { tools: 0 } });
    expect(() => server.listChanged(-1)).toThrow("count must be a whole number from 0 up, got -1");
  });

  test("faults that only a process can have do nothing in the process of the test", async () => {
    await using bench = await openBench("http-json", {
      busy: true,
      stderrFlood: 1_000_000,
      failStart: "no",
      exitWhileIdleMs: 1,
      grandchild: true,
    });
    await bench.call("echo", { text: "x" });
    expect(bench.journal().some((entry) => entry.event === "grandchild" || entry.event === "spawn")).toBe(false);
  });
});

describe("the journal", () => {
  test("is in memory and, where told, in a file that reads the same", async () => {
    using folder = temporaryFolder();
    const journal = join(folder.path, "journal.jsonl");
    expect(readJournal(journal)).toEqual([]);
    expect(() => readJournal(folder.path)).toThrow("EISDIR");
    const server = await startChaosServer({ journal });
    await fetch(server.url);
    expect(readJournal(journal)).toEqual(JSON.parse(JSON.stringify(server.journal())));
    await Promise.all([server.close(), server.close()]);
    await server[Symbol.asyncDispose]();
    expect(entriesOf(readJournal(journal), "http")).toMatchObject([{ method: "GET", path: "/mcp" }]);
  });
});

test("the journal leaves out a last line that is still being written", () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "journal.jsonl");
  writeFileSync(file, '{"event":"eof","at":1,"pid":2}\n{"event":"ex');
  expect(readJournal(file)).toEqual([{ event: "eof", at: 1, pid: 2 }]);
});

describe("a server in a process of its own", () => {
  test("M6: it can be killed in a call, which its journal survives", async () => {
    await using server = await spawnChaosServer({
      faults: { grandchild: true, grandchildSession: true, wrapper: "sh" },
    });
    expect((await fetch(server.url, { method: "PUT" })).status).toBe(405);
    await server.control({ set: { tools: 1 } });
    await expect(server.control({ action: "listChanged", count: -1 })).rejects.toThrow("count must be");
    expect(await (await fetch(server.controlUrl)).json()).toMatchObject({ faults: { tools: 1 }, pid: server.pid });
    process.kill(server.pid, "SIGKILL");
    await until("it is gone", () => !isAlive(server.pid));
    const children = entriesOf(server.journal(), "grandchild").map((entry) => entry.child);
    expect(children.map(isAlive)).toEqual([true, true]);
    await Promise.all([server.close(), server.close()]);
    await until("they are gone too", () => !children.some(isAlive));
    expect(entriesOf(server.journal(), "exit")).toEqual([]);
  });

  test("M6: one that does not start says why", async () => {
    await expect(spawnChaosServer({ faults: { failStart: "no licence" } })).rejects.toThrow(
      "the server ended with 1 before it listened: no licence",
    );
  });

  test("M6: a crash over HTTP is the end of the process", async () => {
    await using server = await spawnChaosServer();
    await server.control({ action: "exit", code: 4 });
    await until("it has ended", () => entriesOf(server.journal(), "exit")[0]?.code === 4);
  });

  test("M1: one that is busy answers nothing once it is initialized, and close ends it", async () => {
    await using server = await spawnChaosServer({ faults: { busy: true } });
    const post = (message: object, session = {}): Promise<Response> =>
      fetch(server.url, {
        method: "POST",
        headers: { accept: "application/json, text/event-stream", "content-type": "application/json", ...session },
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      });
    const opened = await post({
      id: 0,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
    });
    await opened.text();
    const session = { "mcp-session-id": opened.headers.get("mcp-session-id") };
    expect((await post({ method: "notifications/initialized" }, session)).status).toBe(202);
    const lost = expect(post({ id: 1, method: "ping" }, session)).rejects.toThrow();
    await server.close();
    await lost;
    expect(isAlive(server.pid)).toBe(false);
  });
});
