import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { describe, expect, test, vi } from "vitest";
import type { McpSession } from "../../src/mcp-session.js";
import { connectionOf } from "../../src/session/session-connection.js";
import { open, rejection } from "./support.js";

const never = new AbortController().signal;

async function inMemory(): Promise<{ client: Client; server: McpServer }> {
  const server = new McpServer({ name: "memory", version: "1.0.0" });
  server.registerTool("echo", { description: "echoes" }, async () => ({ content: [{ type: "text", text: "echo" }] }));
  const client = new Client({ name: "test", version: "1.0.0" });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(theirs), client.connect(ours)]);
  return { client, server };
}

/** A session that is no client of the SDK, and has no transport that could be watched. */
function bareSession(overrides: Partial<McpSession> = {}): McpSession {
  return {
    request: async ({ method }) => ({ answered: method }),
    callTool: async () => ({}),
    listTools: async () => ({ tools: [] }),
    close: async () => {},
    getServerCapabilities: () => undefined,
    ...overrides,
  };
}

describe("a session in memory", () => {
  test("M13: works, tells its notifications, and leads back to its connection", async () => {
    const { client, server } = await inMemory();
    const { connection, call, notifications } = await open({ connect: async () => client });
    expect(await call("echo")).toMatchObject({ content: [{ text: "echo" }] });
    expect(connectionOf(client)).toBe(connection);
    expect(connection.session).toBe(client);
    expect(connection.stderrTail()).toBe("");
    server.sendToolListChanged();
    await connection.ping(never);
    expect(notifications).toContain("notifications/tools/list_changed");
  });

  test("M6: its end is told once, though InMemoryTransport tells it twice, and the owner's handler is kept", async () => {
    const { client, server } = await inMemory();
    let told = 0;
    client.onclose = () => {
      told += 1;
    };
    const { call, deaths } = await open({ connect: async () => client });
    await server.close();
    expect(told).toBe(1);
    expect(deaths).toHaveLength(1);
    expect(await rejection(call("echo"))).toMatchObject({ kind: "closed", delivery: "not-sent" });
  });

  test("M4: one that is given again after its end is no connection, and nothing is sent over it", async () => {
    const { client } = await inMemory();
    await client.close();
    expect(await rejection(open({ connect: async () => client }))).toMatchObject({
      ...{ kind: "connect", delivery: "not-sent" },
      message: "connect() returned a session that has no connection",
    });
    // One with a field of that name, which it never sets, is not for that.
    const own = {
      transport: undefined,
      request: async () => ({}),
      callTool: async () => ({ content: [] }),
      listTools: async () => ({ tools: [] }),
      close: async () => {},
      getServerCapabilities: () => ({ tools: {} }),
    };
    await open({ connect: async () => own });
  });

  test("M5: close() closes it and tells nobody", async () => {
    const { client } = await inMemory();
    const { connection, deaths } = await open({ connect: async () => client });
    await connection.close();
    expect(client.transport).toBeUndefined();
    expect(deaths).toEqual([]);
  });
});

test("M2: a request that the SDK itself refuses, given up before anybody knows, is never taken back on the wire", async () => {
  const server = new McpServer({ name: "memory", version: "1.0.0" });
  const client = new Client({ name: "test", version: "1.0.0" }, { enforceStrictCapabilities: true });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(theirs), client.connect(ours)]);
  const { connection } = await open({ connect: async () => client });
  const sent = vi.spyOn(ours, "send");
  const controller = new AbortController();
  const call = connection.send({ method: "tools/call", params: { name: "any" } }, { signal: controller.signal });
  controller.abort("no more");
  expect(await rejection(call)).toBe("no more");
  expect(sent).not.toHaveBeenCalled();
});

describe("a session that cannot be watched", () => {
  test("M4: counts as sent from the moment it is asked; its progress and results pass", async () => {
    const seen: unknown[] = [];
    const session = bareSession({
      request: async ({ method }, _schema, options) => {
        options?.onprogress?.({ progress: 1 });
        return { answered: method };
      },
    });
    const { connection } = await open({ connect: async () => session });
    let sent = 0;
    const options = { signal: never, onProgress: (progress: unknown) => seen.push(progress), onSent: () => sent++ };
    expect(await connection.send({ method: "any" }, options)).toEqual({ answered: "any" });
    expect(seen).toEqual([{ progress: 1 }]);
    expect(sent).toBe(1);
    expect(connection.serverInfo.capabilities).toEqual({});
  });

  test.each([
    [Object.assign(new Error("MCP error"), { name: "McpError", code: -32_602 }), { kind: "rpc", delivery: "sent" }],
    [Object.assign(new Error("error"), { name: "ProtocolError", code: -32_602 }), { kind: "rpc", delivery: "sent" }],
    [Object.assign(new Error("closed"), { name: "McpError", code: -32_000 }), { kind: "closed", delivery: "sent" }],
    [Object.assign(new Error("invalid"), { name: "ZodError" }), { kind: "invalid-result" }],
    [Object.assign(new Error("invalid"), { name: "SdkError", code: "INVALID_RESULT" }), { kind: "invalid-result" }],
    [Object.assign(new Error("refused"), { status: 403 }), { kind: "http", status: 403, delivery: "not-sent" }],
    [Object.assign(new Error("bad gateway"), { code: 502 }), { kind: "http", status: 502, delivery: "sent" }],
    [Object.assign(new Error("gone"), { code: 404 }), { kind: "session-lost", delivery: "not-sent" }],
    [
      new TypeError("fetch failed", { cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }) }),
      { kind: "closed", delivery: "not-sent" },
    ],
    [
      new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) }),
      { kind: "closed", delivery: "sent" },
    ],
    ["no error at all", { kind: "closed", delivery: "sent" }],
  ])("M4: %s is told apart without a look at its text or class", async (error, expected) => {
    const request = async ({ method }: { readonly method: string }): Promise<object> => {
      if (method !== "ping") throw error;
      return {};
    };
    const { connection } = await open({ connect: async () => bareSession({ request }) });
    expect(await rejection(connection.send({ method: "any" }, { signal: never }))).toMatchObject(expected);
  });

  test("M4: a session that throws at once is as good as one that rejects", async () => {
    const request = (): never => {
      throw Object.assign(new Error("thrown"), { name: "McpError", code: -32_602 });
    };
    const { connection } = await open({ connect: async () => bareSession({ request }) });
    expect(await rejection(connection.send({ method: "any" }, { signal: never }))).toMatchObject({ kind: "rpc" });
  });

  test("M9: an error proves life to a ping; where there is no ping the server is asked to describe itself", async () => {
    const asked: string[] = [];
    const session = (failures: Record<string, unknown>): McpSession =>
      bareSession({
        request: ({ method }) => {
          asked.push(method);
          return method in failures ? Promise.reject(failures[method]) : Promise.resolve({});
        },
      });
    const rpc = Object.assign(new Error("no"), { name: "ProtocolError", code: -32_601 });
    const local = Object.assign(new Error("no ping"), {
      name: "SdkError",
      code: "METHOD_NOT_SUPPORTED_BY_PROTOCOL_VERSION",
    });
    const lost = new Error("lost");
    const ping = async (failures: Record<string, unknown>): Promise<void> => {
      const { connection } = await open({ connect: async () => session(failures) });
      await connection.ping(never);
    };
    await ping({ ping: rpc });
    await ping({ ping: local });
    await ping({ ping: local, "server/discover": rpc });
    expect(asked).toEqual(["ping", "ping", "server/discover", "ping", "server/discover"]);
    expect(await rejection(ping({ ping: lost }))).toMatchObject({ kind: "closed" });
    expect(await rejection(ping({ ping: local, "server/discover": lost }))).toMatchObject({ kind: "closed" });
    const { connection } = await open({ connect: async () => bareSession({ request: () => new Promise(() => {}) }) });
    expect(await rejection(connection.ping(AbortSignal.timeout(10)))).toHaveProperty("name", "TimeoutError");
  });

  test("M2: a call that is given up while it is being handed over is taken back", async () => {
    const controller = new AbortController();
    let given: AbortSignal | undefined;
    const session = bareSession({
      request: (_request, _schema, options) => {
        given = options?.signal;
        controller.abort("no more");
        return new Promise(() => {});
      },
    });
    const { connection } = await open({ connect: async () => session });
    expect(await rejection(connection.send({ method: "any" }, { signal: controller.signal }))).toBe("no more");
    expect(given?.aborted).toBe(true);
  });

  test("M5: a session whose close() hangs or rejects holds nobody up", async () => {
    const hanging = await open(
      { connect: async () => bareSession({ close: () => new Promise(() => {}) }) },
      { closeTimeoutMs: 50 },
    );
    await hanging.connection.close();
    const failing = await open({ connect: async () => bareSession({ close: () => Promise.reject(new Error("no")) }) });
    await failing.connection.close();
    const throwing = await open({
      connect: async () =>
        bareSession({
          close: () => {
            throw new Error("no");
          },
        }),
    });
    await throwing.connection.close();
  });
});

describe("connect()", () => {
  test("M1: is given up after connectTimeoutMs, and what it still yields is closed", async () => {
    let closed = 0;
    let finish = (_session: McpSession): void => {};
    let signal: AbortSignal | undefined;
    const connect = (context: { signal: AbortSignal }): Promise<McpSession> => {
      signal = context.signal;
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    expect(await rejection(open({ connect }, { connectTimeoutMs: 50 }))).toMatchObject({
      kind: "connect",
      delivery: "not-sent",
    });
    expect(signal?.aborted).toBe(true);
    finish(bareSession({ close: async () => void closed++ }));
    await new Promise(setImmediate);
    expect(closed).toBe(1);
  });

  test("M2: rejects with the caller's reason on abort, and at once where that was before", async () => {
    const controller = new AbortController();
    const opening = rejection(open({ connect: () => new Promise(() => {}) }, { signal: controller.signal }));
    controller.abort("not wanted");
    expect(await opening).toBe("not wanted");
    let asked = 0;
    const connect = async (): Promise<McpSession> => {
      asked += 1;
      return bareSession();
    };
    expect(await rejection(open({ connect }, { signal: AbortSignal.abort("never") }))).toBe("never");
    expect(asked).toBe(0);
  });

  test("M4: what it throws, rejects with or wrongly returns is a failure to connect", async () => {
    const throwing = (): never => {
      throw new Error("thrown");
    };
    expect(await rejection(open({ connect: throwing }))).toMatchObject({ kind: "connect", message: "thrown" });
    expect(await rejection(open({ connect: () => Promise.reject(new Error("rejected")) }))).toMatchObject({
      kind: "connect",
      message: "rejected",
    });
    const wrong = async (): Promise<McpSession> => JSON.parse("{}");
    expect(await rejection(open({ connect: wrong }))).toMatchObject({
      kind: "connect",
      message: expect.stringContaining("did not return a session"),
    });
    const nothing = async (): Promise<McpSession> => JSON.parse("null");
    expect(await rejection(open({ connect: nothing }))).toMatchObject({ kind: "connect" });
  });

  test("it is told the server and the principal", async () => {
    const contexts: unknown[] = [];
    const connect = async (context: object): Promise<McpSession> => {
      contexts.push({ ...context });
      return bareSession();
    };
    await open({ connect }, { principal: "ann" });
    expect(contexts).toEqual([{ server: "test", principal: "ann", signal: expect.any(AbortSignal) }]);
  });
});
