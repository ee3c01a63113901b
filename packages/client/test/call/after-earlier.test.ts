import fc from "fast-check";
import { expect, test } from "vitest";
import { afterEarlier } from "../../src/call/after-earlier.js";
import { AuthorizationError, ClientClosedError, OverloadedError, ServerUnavailableError } from "../../src/index.js";
import { Failure, type FailureKind } from "../../src/session/failure.js";
import { startRawServer } from "../session/raw-server.js";
import { deferred, memoryServer, ofType, rejection, start, statusOf, until } from "../support.js";
import { chaosHttp, quick, refusedUrl } from "../support-client.js";

const safe = { idempotent: true } as const;

test("M4: a safe call whose answer was lost and that cannot be sent again is told as sent, with why it was not", async () => {
  const server = memoryServer({ call: () => new Promise(() => {}) });
  const { client, events } = start({ one: { ...server.config, retry: quick } });
  const call = rejection(client.callTool("one", "pay", {}, safe));
  await until(() => server.calls.length === 1, "the call arrives");
  server.connect = () => Promise.reject(new Error("the database is down"));
  await server.drop();
  const error = await call;
  expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN", delivery: "sent" });
  expect(error).toMatchObject({ message: expect.stringMatching(/could not be sent again.*the database is down/) });
  expect(error).toMatchObject({ message: expect.stringContaining("safe to repeat") });
  expect(error).toMatchObject({ cause: { code: "ERR_MCP_CONNECT", message: expect.stringContaining("database") } });
  expect(ofType(events, "callFinished").at(-1)).toMatchObject({ errorType: "ERR_MCP_OUTCOME_UNKNOWN", attempts: 4 });
  expect(server.calls).toHaveLength(1);
});

test("M4: the same over HTTP, and where a second replica cannot be reached", async () => {
  for (const replicas of [[], [{ url: await refusedUrl() }]]) {
    const raw = await startRawServer({
      post: ({ response, message }) => {
        if (message.method !== "tools/call") return false;
        raw.server.close();
        response.destroy();
        raw.server.closeAllConnections();
        return true;
      },
    });
    const { client } = start({ one: { url: raw.url, retry: quick, replicas } });
    expect(await rejection(client.callTool("one", "pay", {}, safe))).toMatchObject({
      code: "ERR_MCP_OUTCOME_UNKNOWN",
      delivery: "sent",
    });
    const calls = raw.requests.filter(({ message }) => message.method === "tools/call");
    expect(calls).toHaveLength(1);
  }
});

test("M4: what was never sent stays not-sent, through all attempts and replicas", async () => {
  const { client } = start({ one: { url: await refusedUrl(), replicas: [{ url: await refusedUrl() }], retry: quick } });
  expect(await rejection(client.callTool("one", "pay", {}, safe))).toMatchObject({
    code: "ERR_MCP_CONNECT",
    delivery: "not-sent",
  });
});

test("M4: whatever ends a call whose answer was lost before says sent, or has no delivery", () => {
  const kinds: FailureKind[] = ["connect", "closed", "session-lost", "http", "rpc", "invalid-result", "application"];
  const later = fc.oneof(
    fc
      .record({ kind: fc.constantFrom(...kinds), status: fc.constantFrom(400, 401, 429, 503) })
      .map(({ kind, status }) => new Failure(kind, "later", { delivery: "not-sent", status })),
    fc.constantFrom(
      new ServerUnavailableError("s", "open", { retryAfterMs: 5 }),
      new OverloadedError("s"),
      new ClientClosedError("s"),
    ),
  );
  fc.assert(
    fc.property(later, fc.constantFrom("sent" as const, "not-sent" as const), (error, delivery) => {
      const earlier = new Failure("closed", "the words", { delivery });
      expect(afterEarlier(error, undefined, { what: "it", isSafe: true })).toBe(error);
      expect(afterEarlier(error, earlier, { what: "it", isSafe: true })).toMatchObject({ delivery });
    }),
  );
  expect(new AuthorizationError("s", "no", { delivery: "sent" })).toMatchObject({ delivery: "sent" });
});

test("M4: calls that find the queue full when their answers were lost are told as sent", async () => {
  const server = memoryServer({ call: () => new Promise(() => {}) });
  const { client } = start({
    one: { ...server.config, maxConnections: 1, retry: quick, pool: { maxWaitersPerKey: 1 } },
  });
  const calls = Array.from({ length: 4 }, () => client.callTool("one", "pay", {}, { ...safe, timeoutMs: 30_000 }));
  const ends = Promise.allSettled(calls);
  await until(() => server.calls.length === 4, "the calls arrive");
  const gate = deferred();
  server.connect = () => gate.promise;
  server.call = () => ({ content: [] });
  await server.drop();
  const isOver = (): boolean => statusOf(client, "one").calls.total >= 1;
  await until(isOver, "those for whom there is no place are told");
  gate.resolve();
  const reasons = (await ends).filter(({ status }) => status === "rejected");
  expect(reasons.length).toBeGreaterThan(0);
  for (const one of reasons)
    expect(one).toMatchObject({ reason: { code: "ERR_MCP_OUTCOME_UNKNOWN", cause: { code: "ERR_MCP_OVERLOADED" } } });
});

test("M4: a call whose breaker opens while it waits to be sent again is refused with the server's words", async () => {
  const raw = await startRawServer({
    post: ({ response, message }) => {
      if (message.params?.name === "busy")
        response.writeHead(503, { "retry-after": "1" }).end("the index is being built");
      else if (message.params?.name === "broken") response.writeHead(500).end("no disk");
      else return false;
      return true;
    },
  });
  const { client, events } = start({
    one: { url: raw.url, retry: quick, breaker: { failureThreshold: 2, openMs: 60_000 } },
  });
  await client.ping("one");
  const waiting = rejection(client.callTool("one", "busy", {}, safe));
  await until(() => ofType(events, "retry").length === 1, "it waits");
  await rejection(client.callTool("one", "broken"));
  await until(() => statusOf(client, "one").breaker?.state === "open", "the breaker opens");
  const error = await waiting;
  expect(error).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", delivery: "not-sent" });
  expect(error).toMatchObject({
    message: expect.stringContaining("the index is being built"),
    cause: { message: expect.stringContaining("the index is being built") },
  });
  expect(ofType(events, "callFinished").at(-1)?.message).toContain("the index is being built");
});

test("M4: whom the breaker refuses reads why it is open, but not what a server said to another principal", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, retry: false, breaker: { failureThreshold: 1, openMs: 60_000 } } });
  await client.ping("one", { principal: "ann" });
  chaos.set({ status: 500, only: "calls" });
  await rejection(client.callTool("one", "echo", {}, { principal: "ann" }));
  const hers = await rejection(client.callTool("one", "echo", {}, { principal: "ann" }));
  const his = await rejection(client.callTool("one", "echo", {}, { principal: "bob" }));
  expect(hers).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", message: expect.stringContaining("HTTP status 500") });
  expect(his).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", cause: undefined });
  expect(his).toMatchObject({ message: expect.not.stringContaining("500") });
});

test("M4: a process that ends under a call, or each time it starts, is told in its own last words, also by the breaker", {
  timeout: 60_000,
}, async () => {
  const script = (when: string): string =>
    `process.stderr.write("fatal: the licence has expired\\n", () => { ${when} });`;
  const dies = { command: process.execPath, args: ["-e", script("process.exit(3)")] };
  const { client } = start({ one: { ...dies, retry: false, breaker: { failureThreshold: 1, openMs: 60_000 } } });
  const words = expect.stringMatching(/exit code 3[\s\S]*fatal: the licence has expired/);
  expect(await rejection(client.callTool("one", "pay"))).toMatchObject({ code: "ERR_MCP_CONNECT", message: words });
  expect(await rejection(client.callTool("one", "pay"))).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", message: words });
  const serve = `process.stdin.on("data", (chunk) => {
    for (const line of String(chunk).trim().split("\\n")) {
      const { id, method, params } = JSON.parse(line);
      const result = { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "s", version: "1" } };
      if (method === "initialize") console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
      if (method === "tools/call") ${script("process.exit(3)")}
    }
  });`;
  client.addServer("two", { command: process.execPath, args: ["-e", serve] });
  expect(await rejection(client.callTool("two", "pay"))).toMatchObject({
    code: "ERR_MCP_OUTCOME_UNKNOWN",
    message: words,
  });
});
