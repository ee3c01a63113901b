import { expect, test } from "vitest";
import { CallTimeoutError } from "../src/index.js";
import { deferred, memoryServer, ofType, rejection, start, statusOf, until } from "./support.js";
import { chaosHttp, chaosStdio, count, deafUrl, quick, refusedUrl, textOf } from "./support-client.js";

const slowTest = 60_000;
const hurried = { timeoutMs: 150 } as const;

/** The error of a call and how long it took. */
async function timed(promise: Promise<unknown>): Promise<{ readonly error: unknown; readonly ms: number }> {
  const begin = performance.now();
  return { error: await rejection(promise), ms: performance.now() - begin };
}

test("M1: a server that accepts connections and never answers costs the deadline, and nothing was sent", async () => {
  const { client } = start({ one: { url: await deafUrl() } });
  const { error, ms } = await timed(client.callTool("one", "echo", { text: "x" }, hurried));
  expect(error).toBeInstanceOf(CallTimeoutError);
  expect(error).toMatchObject({ server: "one", timeoutMs: 150, delivery: "not-sent" });
  expect(ms).toBeLessThan(5_000);
});

test("M1: an initialize that is never answered costs the deadline", async () => {
  const chaos = await chaosHttp({ hangInitialize: true });
  const { client } = start({ one: { url: chaos.url } });
  const { error, ms } = await timed(client.callTool("one", "echo", { text: "x" }, hurried));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  expect(ms).toBeLessThan(5_000);
});

test("M1: a connect has its own limit below the deadline", async () => {
  const chaos = await chaosHttp({ hangInitialize: true });
  const { client } = start({ one: { url: chaos.url, connectTimeoutMs: 100, retry: false } });
  const { error, ms } = await timed(client.callTool("one", "echo", { text: "x" }));
  expect(error).toMatchObject({ code: "ERR_MCP_CONNECT" });
  expect(ms).toBeLessThan(5_000);
});

test("M1: a call that hangs costs the deadline, and the server is told", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  await client.ping("one");
  const { error } = await timed(client.callTool("one", "hang", {}, { timeoutMs: 500 }));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "sent" });
  await until(() => count(chaos.journal(), "cancelled") === 1, "the server is told");
});

test.each([
  ["an SSE reply that is held", { holdStream: true, only: "calls" }],
  ["a server that answers nothing any more", { hangEverything: true }],
] as const)("M1: %s costs the deadline", async (_, faults) => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url } });
  await client.ping("one");
  chaos.set(faults);
  const { error, ms } = await timed(client.callTool("one", "echo", { text: "x" }, hurried));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "sent" });
  expect(ms).toBeLessThan(5_000);
});

test("M1: a process that hangs costs the deadline, the policy's where the call names none", {
  timeout: slowTest,
}, async () => {
  const { config, journal } = await chaosStdio();
  const { client } = start({ one: { ...config, callTimeoutMs: 20_000 }, two: { ...config, callTimeoutMs: 200 } });
  await client.ping("one");
  const { error } = await timed(client.callTool("one", "hang", {}, { timeoutMs: 500 }));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "sent", timeoutMs: 500 });
  await until(() => count(journal(), "cancelled") === 1, "the server is told");
  expect(await rejection(client.callTool("two", "hang"))).toMatchObject({ code: "ERR_MCP_TIMEOUT", timeoutMs: 200 });
});

test("M1: time in the queue counts, and the queued call is never sent", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, maxConnections: 1, maxCallsPerConnection: 1 } });
  const held = rejection(client.callTool("one", "hang", {}, { timeoutMs: 2_000 }));
  await until(() => count(chaos.journal(), "request", { tool: "hang" }) === 1, "the call hangs");
  const error = await rejection(client.callTool("one", "sideEffect", { key: "queued" }, hurried));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  expect(await held).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
  await client.callTool("one", "echo", { text: "x" });
  expect(count(chaos.journal(), "sideEffect")).toBe(0);
});

test("M1: the deadline covers the retries and their pauses", async () => {
  const retry = { maxAttempts: 1_000, initialDelayMs: 20, maxDelayMs: 20 };
  const { client } = start({ one: { url: await refusedUrl(), retry, breaker: false } });
  const { error, ms } = await timed(client.callTool("one", "echo", { text: "x" }, { timeoutMs: 300 }));
  expect(error).toMatchObject({ delivery: "not-sent" });
  expect(ms).toBeLessThan(3_000);
});

test("M1: progress extends the deadline only where the caller asks", async () => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url } });
  await client.ping("one");
  const args = { steps: 20, ms: 40 };
  const steps: number[] = [];
  const onProgress = ({ progress }: { readonly progress: number }): void => void steps.push(progress);
  const without = await rejection(client.callTool("one", "progress", args, { timeoutMs: 300, onProgress }));
  expect(without).toMatchObject({ code: "ERR_MCP_TIMEOUT", timeoutMs: 300 });
  const asked = { timeoutMs: 300, resetTimeoutOnProgress: true, maxTotalTimeoutMs: 20_000 } as const;
  steps.length = 0;
  await client.callTool("one", "progress", args, { ...asked, onProgress });
  expect(steps).toHaveLength(20);
});

test("M1: progress extends the deadline also where nobody listens to it", async () => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url } });
  await client.ping("one");
  const asked = { timeoutMs: 300, resetTimeoutOnProgress: true, maxTotalTimeoutMs: 20_000 } as const;
  await client.callTool("one", "progress", { steps: 20, ms: 40 }, asked);
});

test("M1: however much progress there is, the call ends at maxTotalTimeoutMs", async () => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url } });
  await client.ping("one");
  const options = { timeoutMs: 300, resetTimeoutOnProgress: true, maxTotalTimeoutMs: 500, onProgress: () => {} };
  const { error, ms } = await timed(client.callTool("one", "progress", { steps: 1_000, ms: 20 }, options));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", timeoutMs: 500, delivery: "sent" });
  expect(ms).toBeLessThan(5_000);
});

test("M1: resetTimeoutOnProgress without maxTotalTimeoutMs is refused", async () => {
  const { client } = start({ one: { url: await refusedUrl() } });
  expect(await rejection(client.callTool("one", "echo", {}, { resetTimeoutOnProgress: true }))).toBeInstanceOf(
    TypeError,
  );
});

test("M1: a call that is given all the time there is waits for its answer, or for its caller", async () => {
  const gate = deferred();
  const server = memoryServer({ call: () => gate.promise.then(() => ({ content: [] })) });
  const { client } = start({ one: server.config });
  const caller = new AbortController();
  const forever = { timeoutMs: Number.POSITIVE_INFINITY } as const;
  const patient = client.callTool("one", "echo", {}, forever);
  const leaving = rejection(client.callTool("one", "echo", {}, { ...forever, signal: caller.signal }));
  await until(() => server.calls.length === 2, "both calls");
  caller.abort("enough");
  expect(await leaving).toBe("enough");
  gate.resolve();
  expect(await patient).toEqual({ content: [] });
});

test("M2: an aborted listAllTools rejects with the caller's reason, whatever the servers do", async () => {
  const hung = memoryServer({ list: () => new Promise(() => {}) });
  const { client } = start({ good: memoryServer().config, hung: hung.config });
  const caller = new AbortController();
  const listing = rejection(client.listAllTools({ signal: caller.signal }));
  await until(() => hung.lists.length === 1, "the hung list");
  const reason = new Error("enough");
  caller.abort(reason);
  expect(await listing).toBe(reason);
  expect(await rejection(client.listAllTools({ signal: caller.signal }))).toBe(reason);
});

test("M2: an abort rejects with its reason at once, tells the server, frees the slot and counts against nobody", async () => {
  const chaos = await chaosHttp();
  const { client, events } = start({
    one: { url: chaos.url, maxConnections: 1, maxCallsPerConnection: 1, breaker: { failureThreshold: 1 } },
  });
  await client.ping("one");
  const leaving = new AbortController();
  const reason = new Error("not needed any more");
  const call = rejection(client.callTool("one", "hang", {}, { signal: leaving.signal }));
  await until(() => count(chaos.journal(), "request", { tool: "hang" }) === 1, "the call hangs");
  const begin = performance.now();
  leaving.abort(reason);
  expect(await call).toBe(reason);
  expect(performance.now() - begin).toBeLessThan(1_000);
  await until(() => count(chaos.journal(), "cancelled", { tool: "hang" }) === 1, "the server is told");
  expect(textOf(await client.callTool("one", "echo", { text: "free" }))).toBe("free");
  const status = statusOf(client, "one");
  expect(status.breaker).toMatchObject({ state: "closed", failures: 0 });
  expect(status.calls).toMatchObject({ cancelled: 1, failed: 0, inFlight: 0 });
  expect(status.pool).toMatchObject({ leased: 0 });
  expect(ofType(events, "sessionOpened")).toHaveLength(1);
});

test("M2: a process is told of the abort too", { timeout: slowTest }, async () => {
  const { config, journal } = await chaosStdio();
  const { client } = start({ one: config });
  const leaving = new AbortController();
  const call = rejection(client.callTool("one", "hang", {}, { signal: leaving.signal }));
  await until(() => count(journal(), "request", { tool: "hang" }) === 1, "the call hangs");
  leaving.abort("enough");
  expect(await call).toBe("enough");
  await until(() => count(journal(), "cancelled", { tool: "hang" }) === 1, "the server is told");
});

test("M2: an aborted signal sends nothing", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  const reason = new Error("before");
  expect(
    await rejection(client.callTool("one", "sideEffect", { key: "k" }, { signal: AbortSignal.abort(reason) })),
  ).toBe(reason);
  expect(chaos.journal().filter(({ event }) => event !== "connection")).toEqual([]);
});

test("M2: an abort while queued, while connecting and while pausing before a retry rejects at once", async () => {
  const chaos = await chaosHttp({ hangInitialize: true });
  const retry = { ...quick, initialDelayMs: 30_000, maxDelayMs: 30_000 };
  const { client, events } = start({
    connecting: { url: chaos.url, maxConnections: 1, maxCallsPerConnection: 1 },
    pausing: { url: await refusedUrl(), retry, breaker: false },
  });
  const leaving = new AbortController();
  const options = { signal: leaving.signal };
  const calls = [
    rejection(client.callTool("connecting", "echo", { text: "1" }, options)),
    rejection(client.callTool("connecting", "echo", { text: "2" }, options)),
    rejection(client.callTool("pausing", "echo", { text: "3" }, options)),
  ];
  await until(() => ofType(events, "retry").length > 0, "the third one pauses");
  leaving.abort("leaving");
  expect(await Promise.all(calls)).toEqual(["leaving", "leaving", "leaving"]);
});
