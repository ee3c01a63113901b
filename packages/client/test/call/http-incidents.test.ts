import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { answer } from "../connections/session-server.js";
import { ofType, rejection, start, statusOf, until } from "../support.js";

const timeout = 60_000;
const callers = 16;

/** One instance of a service that keeps sessions, and holds calls where it is told to. */
interface Instance {
  readonly url: string;
  readonly port: number;
  /** The answers it holds back. */
  readonly held: ServerResponse[];
  readonly initialized: () => number;
  hold(isHolding: boolean): void;
  /** Listens no more; what is open stays open. */
  retire(): void;
  /** Resets every socket. */
  reset(): void;
}

async function instance({ port = 0, allowsOne = false } = {}): Promise<Instance> {
  const sockets = new Set<Socket>();
  const held: ServerResponse[] = [];
  const sessions = new Set<string>();
  let isHolding = false;
  const server: Server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    if (request.method !== "POST") return response.writeHead(request.method === "GET" ? 405 : 200).end();
    const { id, method, params } = JSON.parse(text);
    if (method === "initialize") {
      if (allowsOne && sessions.size > 0) return response.writeHead(400).end("there is a session already");
      const session = `${port === 0 ? "first" : "next"}-${sessions.size}`;
      sessions.add(session);
      response.setHeader("mcp-session-id", session);
      const serverInfo = { name: "instance", version: "1" };
      const result = { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo };
      return answer(response, 200, { jsonrpc: "2.0", id, result });
    }
    if (!sessions.has(String(request.headers["mcp-session-id"]))) return response.writeHead(404).end();
    if (id === undefined) return response.writeHead(202).end();
    if (method === "tools/call" && isHolding) return held.push(response);
    answer(response, 200, { jsonrpc: "2.0", id, result: { content: [] } });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  onTestFinished(() => {
    server.close();
    reset();
  });
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}/mcp`,
    port: bound,
    held,
    initialized: () => sessions.size,
    hold: (value) => {
      isHolding = value;
    },
    retire: () => void server.close(),
    reset,
  };
}

/** A client that two failures would open the breaker for, and its calls, all of them under way. */
async function underWay(server: Instance, { isSafe, stateful = false }: { isSafe: boolean; stateful?: boolean }) {
  const breaker = { failureThreshold: 2, openMs: 60_000 };
  const { client, events } = start({ one: { url: server.url, stateful, breaker } });
  const call = (): Promise<unknown> => client.callTool("one", "work", {}, { idempotent: isSafe });
  // Sockets that are kept, and have been in use.
  await Promise.all(Array.from({ length: callers }, call));
  server.hold(true);
  const calls = Array.from({ length: callers }, call);
  await until(() => server.held.length === callers, "every call is under way");
  server.hold(false);
  return { client, events, calls };
}

test.each([false, true])(
  "M9: 16 kept sockets reset at once under 16 safe calls (stateful: %s): one failure, all succeed",
  {
    timeout,
  },
  async (stateful) => {
    const server = await instance({ allowsOne: stateful });
    const { client, events, calls } = await underWay(server, { isSafe: true, stateful });
    server.reset();
    await Promise.all(calls);
    expect(ofType(events, "breaker")).toEqual([]);
    expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 1 });
    expect(server.initialized()).toBe(1);
  },
);

test("M9, M4: the same under calls that may not be repeated: each is told so, one failure, the next call works", {
  timeout,
}, async () => {
  const server = await instance();
  const { client, events, calls } = await underWay(server, { isSafe: false });
  const ends = calls.map(rejection);
  server.reset();
  for (const error of await Promise.all(ends)) expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
  await client.callTool("one", "work");
  expect(ofType(events, "breaker")).toEqual([]);
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 1 });
});

test("M9, M3: an instance replaced by another under 16 safe calls: one failure, one initialize, all succeed", {
  timeout,
}, async () => {
  const old = await instance();
  const { client, events, calls } = await underWay(old, { isSafe: true });
  old.retire();
  const next = await instance({ port: old.port });
  old.reset();
  await Promise.all(calls);
  expect(next.initialized()).toBe(1);
  expect(ofType(events, "breaker")).toEqual([]);
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 1 });
  await Promise.all(Array.from({ length: callers }, () => client.callTool("one", "work")));
  expect(next.initialized()).toBe(1);
});

test("M9, M12: a stateful server replaced under 16 calls: each loss is told, one failure, then one new session", {
  timeout,
}, async () => {
  const old = await instance({ allowsOne: true });
  const { client, events, calls } = await underWay(old, { isSafe: true, stateful: true });
  const ends = Promise.allSettled(calls);
  old.retire();
  const next = await instance({ port: old.port, allowsOne: true });
  old.reset();
  for (const end of await ends)
    expect(end).toMatchObject({ status: "rejected", reason: { code: "ERR_MCP_SESSION_LOST" } });
  await client.callTool("one", "work");
  expect(next.initialized()).toBe(1);
  expect(ofType(events, "breaker")).toEqual([]);
});
