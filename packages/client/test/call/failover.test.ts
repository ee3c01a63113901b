import { expect, test } from "vitest";
import { memoryServer, ofType, rejection, start, statusOf, tool } from "../support.js";
import { chaosHttp, count, quick, refusedUrl, textOf } from "../support-client.js";

const once = { retry: false } as const;

test("M14: a replica takes over at first contact where no connection can be opened", async () => {
  const replica = await chaosHttp();
  const { client, events } = start({ one: { url: await refusedUrl(), replicas: [{ url: replica.url }], ...once } });
  expect(textOf(await client.callTool("one", "echo", { text: "x" }))).toBe("x");
  await client.callTool("one", "sideEffect", { key: "k" });
  expect(count(replica.journal(), "sideEffect")).toBe(1);
  expect(ofType(events, "sessionOpened").map((event) => event.replica)).toEqual([1]);
});

test("M14: the first one is asked first, and the replica costs nothing while it is well", async () => {
  const main = await chaosHttp();
  const replica = await chaosHttp();
  const { client } = start({ one: { url: main.url, replicas: [{ url: replica.url }] } });
  for (let call = 0; call < 5; call += 1) await client.callTool("one", "sideEffect", { key: `${call}` });
  expect(count(main.journal(), "sideEffect")).toBe(5);
  expect(replica.journal()).toEqual([]);
});

test("M14: one whose breaker is open is skipped, and asked again when its rest is over", async () => {
  const contacts: number[] = [];
  let isDown = true;
  const main = memoryServer({
    connect: () => {
      contacts.push(1);
      if (isDown) throw new Error("down");
    },
  });
  const replica = memoryServer();
  const { client } = start({
    one: { ...main.config, replicas: [replica.config], ...once, breaker: { failureThreshold: 2, openMs: 300 } },
  });
  for (let call = 0; call < 6; call += 1) await client.callTool("one", "echo");
  expect(contacts).toHaveLength(2);
  expect(replica.calls).toHaveLength(6);
  expect(statusOf(client, "one")).toMatchObject({ health: "degraded", breaker: { state: "open" } });
  isDown = false;
  await expect.poll(() => statusOf(client, "one").breaker?.state, { timeout: 10_000 }).toBe("half-open");
  await client.callTool("one", "echo");
  expect(main.calls).toHaveLength(1);
  expect(statusOf(client, "one").breaker?.state).toBe("closed");
});

test("M14: an unsafe call that was sent does not move, a safe one does", async () => {
  const main = await chaosHttp();
  const replica = await chaosHttp();
  const { client } = start({ one: { url: main.url, replicas: [{ url: replica.url }], ...once } });
  await client.callTool("one", "echo", { text: "x" });
  main.set({ resetSocket: true, when: "after", only: "calls" });
  expect(await rejection(client.callTool("one", "sideEffect", { key: "k" }))).toMatchObject({
    code: "ERR_MCP_OUTCOME_UNKNOWN",
  });
  expect(count(main.journal(), "sideEffect")).toBe(1);
  expect(count(replica.journal(), "sideEffect")).toBe(0);
  await client.callTool("one", "sideEffect", { key: "safe" }, { idempotent: true });
  expect(count(replica.journal(), "sideEffect", { key: "safe" })).toBe(1);
});

test.each([
  ["429", { status: 429, retryAfter: "60" }],
  ["503 with Retry-After", { status: 503, retryAfter: "60" }],
])("M14: a call refused with %s moves", async (_, fault) => {
  const main = await chaosHttp();
  const replica = await chaosHttp();
  const { client } = start({ one: { url: main.url, replicas: [{ url: replica.url }], ...once } });
  await client.callTool("one", "echo", { text: "x" });
  main.set({ ...fault, only: "calls" });
  await client.callTool("one", "sideEffect", { key: "k" });
  expect(count(replica.journal(), "sideEffect")).toBe(1);
  expect(count(main.journal(), "sideEffect")).toBe(0);
});

test("M14: a JSON-RPC error is an answer and stays where it is", async () => {
  const main = await chaosHttp();
  const replica = await chaosHttp();
  const { client } = start({ one: { url: main.url, replicas: [{ url: replica.url }], retry: quick } });
  const error = await rejection(client.callTool("one", "rpcError", { code: -32_000 }, { idempotent: true }));
  expect(error).toMatchObject({ code: -32_000 });
  expect(replica.journal()).toEqual([]);
});

test("M14: where all are down, the call rejects, and each breaker is its own", async () => {
  const { client } = start({
    one: {
      url: await refusedUrl(),
      replicas: [{ url: await refusedUrl() }],
      ...once,
      breaker: { failureThreshold: 1 },
    },
  });
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({
    code: "ERR_MCP_CONNECT",
    delivery: "not-sent",
  });
  expect(await rejection(client.callTool("one", "echo"))).toMatchObject({ code: "ERR_MCP_UNAVAILABLE" });
  const status = statusOf(client, "one");
  expect(status.health).toBe("unavailable");
  expect(status.replicas.map(({ breaker }) => breaker?.state)).toEqual(["open", "open"]);
});

test("M8, M14: a list comes from the first replica whose breaker lets it through, and goes with that one's notification", async () => {
  const listing = (name: string) => ({ list: () => ({ tools: [tool(name)] }) });
  const first = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const [second, third] = [memoryServer(listing("second")), memoryServer(listing("third"))];
  const { client } = start({
    one: {
      ...first.config,
      replicas: [second.config, third.config],
      retry: false,
      breaker: { failureThreshold: 1, openMs: 60_000 },
    },
  });
  const names = async () => (await client.listTools("one")).map(({ name }) => name);
  await client.callTool("one", "echo");
  expect(await names()).toEqual(["second"]);
  expect(await names()).toEqual(["second"]);
  expect(second.lists).toHaveLength(1);
  second.list = listing("changed").list;
  await second.notify();
  expect(await names()).toEqual(["changed"]);
  expect([first.lists, third.lists]).toEqual([[], []]);
});

test("M8, M14: a notification of the replica that stood in forgets the list that it gave", async () => {
  const first = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const second = memoryServer({ list: () => ({ tools: [tool("old")] }) });
  const { client } = start({ one: { ...first.config, replicas: [second.config], retry: false } });
  const names = async () => (await client.listTools("one")).map(({ name }) => name);
  expect(await names()).toEqual(["old"]);
  second.list = () => ({ tools: [tool("new")] });
  await second.notify();
  expect(await names()).toEqual(["new"]);
});

test("M8, M14: a gap in the connection to the replica that stood in makes its list doubtful", async () => {
  const first = memoryServer({ connect: () => Promise.reject(new Error("down")) });
  const second = memoryServer({ list: () => ({ tools: [tool("old")] }) });
  const { client } = start({ one: { ...first.config, replicas: [second.config], retry: false } });
  const names = async () => (await client.listTools("one")).map(({ name }) => name);
  expect(await names()).toEqual(["old"]);
  await second.drop();
  second.list = () => ({ tools: [tool("missed")] });
  await client.callTool("one", "echo");
  expect(await names()).toEqual(["missed"]);
});
