import { expect, test } from "vitest";
import { rejection, start, statusOf, until } from "../support.js";
import { chaosHttp, count, quick, refusedUrl, textOf } from "../support-client.js";

const once = { retry: false } as const;

test.each([
  ["a 502", { status: 502 }],
  ["a 500", { status: 500 }],
  ["a reset socket", { resetSocket: true }],
  ["a reply that ends", { endStream: true }],
] as const)("M9: %s counts as a failure of the server", async (_, fault) => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url, ...once, breaker: { failureThreshold: 1 } } });
  await client.ping("one");
  chaos.set({ ...fault, only: "calls", times: 1 });
  await rejection(client.callTool("one", "echo", { text: "x" }));
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "open", failures: 1 });
});

test("M9: a full queue and time lost in the local queue do not count", async () => {
  const chaos = await chaosHttp();
  const { client } = start({
    one: {
      url: chaos.url,
      ...once,
      maxConnections: 1,
      maxCallsPerConnection: 1,
      pool: { maxWaitersPerKey: 1 },
      breaker: { failureThreshold: 1 },
    },
  });
  const leaving = new AbortController();
  const held = rejection(client.callTool("one", "hang", {}, { signal: leaving.signal }));
  await until(() => count(chaos.journal(), "request", { tool: "hang" }) === 1, "the call hangs");
  const queued = rejection(client.callTool("one", "echo", { text: "x" }, { timeoutMs: 100 }));
  expect(await rejection(client.callTool("one", "echo", { text: "x" }))).toMatchObject({ code: "ERR_MCP_OVERLOADED" });
  expect(await queued).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 0 });
  leaving.abort("enough");
  await held;
});

test("M9: the breaker of one server is no other's", async () => {
  const chaos = await chaosHttp();
  const { client } = start({
    bad: { url: await refusedUrl(), retry: quick, breaker: { failureThreshold: 1 } },
    good: { url: chaos.url },
  });
  await rejection(client.callTool("bad", "echo"));
  expect(textOf(await client.callTool("good", "echo", { text: "x" }))).toBe("x");
  expect(statusOf(client, "bad").health).toBe("unavailable");
  expect(statusOf(client, "good").health).toBe("healthy");
});
