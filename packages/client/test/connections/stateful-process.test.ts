import { expect, test } from "vitest";
import { ofType, rejection, start, until } from "../support.js";
import { chaosStdio, count, quick, textOf } from "../support-client.js";

const slowTest = 60_000;

test("M12: a process that crashes in a call rejects that call, and the next one gets a new process", {
  timeout: slowTest,
}, async () => {
  const { config, journal } = await chaosStdio();
  const { client } = start({ one: { ...config, stateful: true, retry: quick } });
  await client.callTool("one", "counter");
  const error = await rejection(client.callTool("one", "crash", { when: "after", key: "k" }));
  expect(error).toMatchObject({ code: "ERR_MCP_SESSION_LOST", delivery: "sent" });
  expect(textOf(await client.callTool("one", "echo", { text: "new" }))).toBe("new");
  expect(count(journal(), "spawn")).toBe(2);
  expect(count(journal(), "sideEffect")).toBe(1);
});

test("M12: a session that ends while nobody calls is told to the next caller, once", {
  timeout: slowTest,
}, async () => {
  const { config, journal } = await chaosStdio();
  const { client, events } = start({ one: { ...config, stateful: true } });
  await client.callTool("one", "counter");
  process.kill(Number(journal().find(({ event }) => event === "spawn")?.pid), "SIGKILL");
  await until(() => ofType(events, "sessionClosed").length === 1, "its death is noticed");
  expect(await rejection(client.callTool("one", "counter"))).toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
  expect(textOf(await client.callTool("one", "echo", { text: "new" }))).toBe("new");
});
