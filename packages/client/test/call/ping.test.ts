import { expect, test } from "vitest";
import { memoryServer, rejection, start, statusOf, until } from "../support.js";
import { chaosHttp, deafUrl } from "../support-client.js";

test("M9: a ping that is answered shows in the health, and not in the breaker", async () => {
  const server = memoryServer();
  const { client, events } = start({ one: server.config });
  await client.callTool("one", "echo");
  server.call = () => new Promise(() => {});
  await rejection(client.callTool("one", "echo", {}, { timeoutMs: 20 }));
  const { breaker } = statusOf(client, "one");
  expect(statusOf(client, "one").health).toBe("degraded");
  expect(await client.ping("one")).toBeGreaterThanOrEqual(0);
  expect(statusOf(client, "one").health).toBe("healthy");
  expect(statusOf(client, "one").breaker).toEqual({ ...breaker, timeInStateMs: expect.any(Number) });
  expect(events.at(-1)).toMatchObject({ type: "health", to: "healthy", reason: "a ping was answered" });
});

test("M9, R8: one that is not answered ends at connectTimeoutMs, was sent, and shows in the health alone", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url, connectTimeoutMs: 2_000, breaker: { failureThreshold: 1 } } });
  await client.ping("one");
  chaos.set({ hangEverything: true });
  expect(await rejection(client.ping("one"))).toMatchObject({
    code: "ERR_MCP_TIMEOUT",
    delivery: "sent",
    timeoutMs: 2_000,
  });
  expect(statusOf(client, "one")).toMatchObject({ health: "degraded", breaker: { state: "closed", failures: 0 } });
});

test("M1, R8: a ping for which no connection can be opened ends at connectTimeoutMs, and was not sent", async () => {
  const { client } = start({ one: { url: await deafUrl(), connectTimeoutMs: 300 } });
  expect(await rejection(client.ping("one"))).toMatchObject({ delivery: "not-sent" });
  await until(() => statusOf(client, "one").health === "unavailable", "its health is known");
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed", failures: 0 });
});
