import { expect, test } from "vitest";
import { ofType, rejection, start, until } from "../support.js";
import { chaosHttp, chaosStdio, count, quick, refusedUrl } from "../support-client.js";

const slowTest = 60_000;
const http = (url: string) => ({ url, retry: quick, breaker: false }) as const;

test("M3: eight calls at once after the session was forgotten are eight answers and one initialize", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: http(chaos.url) });
  await client.callTool("one", "add", { a: 1, b: 1 });
  expect(count(chaos.journal(), "initialize")).toBe(1);
  chaos.forgetSessions();
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, index) => client.callTool("one", "sideEffect", { key: `k${index}` })),
  );
  expect(results.every(({ isError }) => isError !== true)).toBe(true);
  expect(count(chaos.journal(), "initialize")).toBe(2);
  expect(count(chaos.journal(), "sideEffect")).toBe(8);
});

test("M3: the re-send after a lost session is not charged to the retries", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, retry: false } });
  for (let round = 0; round < 12; round += 1) {
    await client.callTool("one", "sideEffect", { key: `r${round}` });
    chaos.forgetSessions();
  }
  expect(count(chaos.journal(), "sideEffect")).toBe(12);
});

test("M4: a server that cannot be spawned is tried again, and the error says that nothing was sent", async () => {
  const { client, events } = start({ one: { command: "/nonexistent/minion-test", retry: quick, breaker: false } });
  const error = await rejection(client.callTool("one", "sideEffect", { key: "k" }));
  expect(error).toMatchObject({ code: "ERR_MCP_CONNECT", delivery: "not-sent" });
  expect(ofType(events, "retry")).toHaveLength(2);
});

test("M4: a spawn that fails once is repeated, and the call goes through", { timeout: slowTest }, async () => {
  const { config, journal } = await chaosStdio({ flapSpawns: 2 });
  const { client } = start({ one: { ...config, retry: quick, breaker: false } });
  for (const key of ["a", "b"]) {
    await client.callTool("one", "sideEffect", { key });
    await client.callTool("one", "crash", { when: "before", key: "x" }).catch(() => {});
  }
  expect(count(journal(), "sideEffect", { key: "a" })).toBe(1);
  expect(count(journal(), "sideEffect", { key: "b" })).toBe(1);
});

test("M4: a refused port is tried again, for an unsafe call too", async () => {
  const { client, events } = start({ one: http(await refusedUrl()) });
  const error = await rejection(client.callTool("one", "sideEffect", { key: "k" }));
  expect(error).toMatchObject({ code: "ERR_MCP_CONNECT", delivery: "not-sent" });
  expect(ofType(events, "retry")).toHaveLength(2);
});

test.each([
  [429, 1],
  [503, 1],
] as const)("M4: %i with Retry-After is repeated, not before it", async (status, seconds) => {
  const chaos = await chaosHttp();
  const { client } = start({ one: http(chaos.url) });
  await client.ping("one");
  chaos.set({ status, retryAfter: String(seconds), times: 1, only: "calls" });
  const begin = performance.now();
  await client.callTool("one", "sideEffect", { key: "k" });
  expect(performance.now() - begin).toBeGreaterThan(seconds * 1_000 - 20);
  expect(count(chaos.journal(), "sideEffect")).toBe(1);
});

test("M4: a Retry-After that is a date is kept as one of seconds is", async () => {
  const chaos = await chaosHttp();
  const { client, events } = start({ one: http(chaos.url) });
  await client.ping("one");
  // A date has no parts of a second.
  const date = Math.floor(Date.now() / 1_000) * 1_000 + 2_000;
  chaos.set({ status: 503, retryAfter: new Date(date).toUTCString(), times: 1, only: "calls" });
  await client.callTool("one", "sideEffect", { key: "k" });
  expect(Date.now()).toBeGreaterThan(date - 20);
  expect(ofType(events, "retry")).toMatchObject([{ errorType: "ERR_MCP_UNAVAILABLE" }]);
  expect(count(chaos.journal(), "sideEffect")).toBe(1);
});

test("M4: a Retry-After whose date is over is no reason to wait, and none is a day away", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: http(chaos.url) });
  await client.ping("one");
  chaos.set({ status: 503, retryAfter: new Date(0).toUTCString(), times: 1, only: "calls" });
  await client.callTool("one", "sideEffect", { key: "k" }, { timeoutMs: 10_000 });
  expect(count(chaos.journal(), "sideEffect")).toBe(1);
  chaos.set({ status: 503, retryAfter: new Date(8.64e15).toUTCString(), only: "calls" });
  const error = await rejection(client.callTool("one", "sideEffect", { key: "far" }, { timeoutMs: 10_000 }));
  expect(error).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", retryAfterMs: 86_400_000 });
});

test("M4: a Retry-After beyond the deadline is not waited for", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: http(chaos.url) });
  await client.ping("one");
  chaos.set({ status: 429, retryAfter: "60", only: "calls" });
  const begin = performance.now();
  const error = await rejection(client.callTool("one", "sideEffect", { key: "k" }, { timeoutMs: 10_000 }));
  expect(error).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", retryAfterMs: 60_000 });
  expect(performance.now() - begin).toBeLessThan(5_000);
});

const answerLost = [
  ["502", { status: 502 }],
  ["503 without Retry-After", { status: 503 }],
  ["504", { status: 504 }],
  ["a reset socket", { resetSocket: true }],
  ["a reply that ends", { endStream: true }],
] as const;

for (const when of ["before", "after"] as const) {
  test.each(answerLost)(`M4: an unsafe call never runs twice: %s, ${when} the side effect`, async (_, fault) => {
    const chaos = await chaosHttp({ reply: "sse" });
    const { client } = start({ one: http(chaos.url) });
    await client.listTools("one");
    chaos.set({ ...fault, when, only: "calls", times: 1 });
    const error = await rejection(client.callTool("one", "sideEffect", { key: "k" }));
    expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN", delivery: "sent" });
    expect(count(chaos.journal(), "sideEffect")).toBe(when === "after" ? 1 : 0);
    await client.callTool("one", "sideEffect", { key: "next" });
    expect(count(chaos.journal(), "sideEffect", { key: "k" })).toBe(when === "after" ? 1 : 0);
  });
}

test.each(answerLost)("M4: an idempotent and a read-only tool are repeated: %s", async (_, fault) => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: http(chaos.url) });
  await client.listTools("one");
  for (const [tool, args] of [
    ["sideEffectIdempotent", { key: "k" }],
    ["readOnly", {}],
  ] as const) {
    chaos.set({ ...fault, when: "after", only: "calls", times: 1 });
    await client.callTool("one", tool, args);
    expect(count(chaos.journal(), "request", { method: "tools/call", tool })).toBe(2);
  }
});

test("M4: `idempotent: true` is repeated, `idempotent: false` overrules the hint", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: http(chaos.url) });
  await client.listTools("one");
  chaos.set({ status: 502, when: "after", only: "calls", times: 1 });
  await client.callTool("one", "sideEffect", { key: "k" }, { idempotent: true });
  expect(count(chaos.journal(), "sideEffect", { key: "k" })).toBe(2);
  chaos.set({ status: 502, when: "after", only: "calls", times: 1 });
  const error = await rejection(client.callTool("one", "sideEffectIdempotent", { key: "n" }, { idempotent: false }));
  expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
  expect(count(chaos.journal(), "sideEffect", { key: "n" })).toBe(1);
});

test("M4: no hint is fetched: a tool that no cached list knows is unsafe", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: http(chaos.url) });
  chaos.set({ status: 502, when: "after", only: "calls", times: 1 });
  const error = await rejection(client.callTool("one", "sideEffectIdempotent", { key: "k" }));
  expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
  expect(count(chaos.journal(), "request", { method: "tools/list" })).toBe(0);
});

test.each(["before", "after"])(
  "M4: a process that crashes %s the side effect: it never runs twice, and the next call gets a new process",
  { timeout: slowTest },
  async (when) => {
    const { config, journal } = await chaosStdio();
    const { client } = start({ one: { ...config, retry: quick } });
    const error = await rejection(client.callTool("one", "crash", { when, key: "k" }));
    expect(error).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN", delivery: "sent" });
    expect(count(journal(), "sideEffect")).toBe(when === "after" ? 1 : 0);
    await client.callTool("one", "echo", { text: "again" });
    expect(count(journal(), "spawn")).toBe(2);
  },
);

test.each([
  [401, "ERR_MCP_AUTHORIZATION"],
  [403, "ERR_MCP_AUTHORIZATION"],
  [400, "ERR_MCP_HTTP"],
  [409, "ERR_MCP_HTTP"],
])("M4: HTTP status %i is not repeated", async (status, code) => {
  const chaos = await chaosHttp();
  const { client, events } = start({ one: http(chaos.url) });
  await client.listTools("one");
  chaos.set({ status, only: "calls" });
  const error = await rejection(client.callTool("one", "sideEffectIdempotent", { key: "k" }, { idempotent: true }));
  expect(error).toMatchObject({ code, status });
  expect(ofType(events, "retry")).toEqual([]);
  expect(count(chaos.journal(), "http", { rpc: "tools/call" })).toBe(1);
});

test("M4: a JSON-RPC error is not repeated and arrives as the SDK's own error", async () => {
  const chaos = await chaosHttp();
  const { client, events } = start({ one: http(chaos.url) });
  const error = await rejection(
    client.callTool("one", "rpcError", { code: -32_000, message: "no" }, { idempotent: true }),
  );
  expect(error).toMatchObject({ name: "McpError", code: -32_000 });
  expect(ofType(events, "retry")).toEqual([]);
});

test("M4: a full queue and a breaker's refusal are not repeated", async () => {
  const chaos = await chaosHttp();
  const { client, events } = start({
    one: {
      url: chaos.url,
      retry: quick,
      maxConnections: 1,
      maxCallsPerConnection: 1,
      pool: { maxWaitersPerKey: 1 },
      breaker: { failureThreshold: 1 },
    },
  });
  const leaving = new AbortController();
  const held = rejection(client.callTool("one", "hang", {}, { signal: leaving.signal }));
  await until(() => count(chaos.journal(), "request", { tool: "hang" }) === 1, "the call hangs");
  const queued = client.callTool("one", "echo", { text: "queued" });
  expect(await rejection(client.callTool("one", "echo", { text: "over" }))).toMatchObject({
    code: "ERR_MCP_OVERLOADED",
  });
  leaving.abort(new Error("enough"));
  expect(await held).toMatchObject({ message: "enough" });
  await queued;
  chaos.set({ status: 502, only: "calls", times: 1 });
  await rejection(client.callTool("one", "echo", { text: "trips" }));
  const error = await rejection(client.callTool("one", "echo", { text: "refused" }));
  expect(error).toMatchObject({ code: "ERR_MCP_UNAVAILABLE", delivery: "not-sent" });
  expect(ofType(events, "retry")).toEqual([]);
});

test("M4: beyond ten retries in ten seconds a server gets a tenth of its calls again", async () => {
  const url = await refusedUrl();
  const { client, events } = start({ one: { url, retry: { ...quick, maxAttempts: 2 }, breaker: false } });
  for (let call = 0; call < 40; call += 1) await rejection(client.callTool("one", "echo", { text: "x" }));
  expect(ofType(events, "retry")).toHaveLength(10);
});

test("M4: a connection refused with 5xx is opened again, for an unsafe call too: nothing was sent", async () => {
  for (const status of [500, 502, 503, 504]) {
    const chaos = await chaosHttp({ status, times: 1 });
    const { client } = start({ one: { url: chaos.url, retry: quick } });
    await client.callTool("one", "sideEffect", { key: "once" });
    expect(count(chaos.journal(), "sideEffect")).toBe(1);
  }
});
