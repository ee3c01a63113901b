import { expect, test } from "vitest";
import { startRawServer } from "../session/raw-server.js";
import { rejection, start, statusOf, until } from "../support.js";

test("M9: time lost while waiting for a socket is not the server's fault", { timeout: 60_000 }, async () => {
  const { url, requests } = await startRawServer({ post: ({ message }) => message.params?.name === "hang" });
  const { client } = start({
    one: { url, maxConnections: 1, maxCallsPerConnection: 300, retry: false, breaker: { failureThreshold: 1 } },
  });
  const controller = new AbortController();
  const { signal } = controller;
  const hanging = Array.from({ length: 256 }, () => rejection(client.callTool("one", "hang", {}, { signal })));
  const arrived = (): number => requests.filter(({ message }) => message.params?.name === "hang").length;
  await until(() => arrived() === 256, "every socket is taken");
  const waiting = await rejection(client.callTool("one", "waiting", {}, { timeoutMs: 50 }));
  expect(waiting).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  expect(statusOf(client, "one").breaker).toMatchObject({ state: "closed" });
  expect(requests.some(({ message }) => message.params?.name === "waiting")).toBe(false);
  // Nor does it keep a ping from showing that the server lives.
  await client.ping("one");
  controller.abort();
  await Promise.all(hanging);
  await client.callTool("one", "any");
});
