import { expect, test, vi } from "vitest";
import type { ServerRequest, ServerRequestContext } from "../../src/index.js";
import { deferred, rejection, start, until } from "../support.js";
import { chaosHttp, chaosStdio, textOf } from "../support-client.js";

const capabilities = { elicitation: {} };

interface Asked extends ServerRequest, Pick<ServerRequestContext, "call"> {}

/** What answers after `answered`, and what it was asked. */
function handler(answered: Promise<unknown> = Promise.resolve()) {
  const asked: Asked[] = [];
  const onServerRequest = async (request: ServerRequest, { call }: ServerRequestContext): Promise<unknown> => {
    asked.push({ ...request, call });
    await answered;
    return { action: "decline" };
  };
  return { asked, onServerRequest };
}

test("M13: onServerRequest is told the principal, and over HTTP the call in whose reply the server asks", async () => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { asked, onServerRequest } = handler();
  const { client } = start({ one: { url: chaos.url } }, { capabilities, onServerRequest });
  const hanging = new AbortController();
  const hung = rejection(client.callTool("one", "hang", {}, { principal: "ann", signal: hanging.signal }));
  await client.callTool("one", "elicit", { message: "ann?" }, { principal: "ann" });
  await client.callTool("one", "elicit", { message: "nobody?" });
  hanging.abort();
  await hung;
  expect(asked).toMatchObject([
    { server: "one", principal: "ann", method: "elicitation/create", call: { method: "tools/call", target: "elicit" } },
    { server: "one", principal: undefined, call: { method: "tools/call", target: "elicit" } },
  ]);
});

test("M13: over stdio the only call on its way is told, and none where there are several", async () => {
  const { config } = await chaosStdio();
  const { asked, onServerRequest } = handler();
  const { client } = start({ one: config }, { capabilities, onServerRequest });
  await client.callTool("one", "elicit", { message: "one" });
  const hanging = new AbortController();
  const hung = rejection(client.callTool("one", "hang", {}, { signal: hanging.signal }));
  await client.callTool("one", "elicit", { message: "two" });
  hanging.abort();
  await hung;
  expect(asked.map(({ call }) => call)).toEqual([{ method: "tools/call", target: "elicit" }, undefined]);
});

test.each(["http", "stdio"])(
  "M13: over %s pauseTimeoutOnServerRequest leaves the time of the answer out of the deadline",
  async (kind) => {
    const config = kind === "http" ? { url: (await chaosHttp({ reply: "sse" })).url } : (await chaosStdio()).config;
    const answered = deferred();
    const { asked, onServerRequest } = handler(answered.promise);
    const { client } = start({ one: config }, { capabilities, onServerRequest });
    await client.callTool("one", "echo", { text: "warm" });
    const timeoutMs = 1_500;
    const options = { timeoutMs, pauseTimeoutOnServerRequest: true };
    const patient = client.callTool("one", "elicit", { message: "?" }, options);
    await until(() => asked.length === 1, "the question");
    const plain = rejection(client.callTool("one", "elicit", { message: "?" }, { timeoutMs }));
    expect(await plain).toMatchObject({ code: "ERR_MCP_TIMEOUT" });
    // The whole of its own time has passed for the other one too.
    answered.resolve();
    expect(textOf(await patient)).toContain("decline");
  },
);

test("M13: maxTotalTimeoutMs goes on counting while the clock of a call stands still", async () => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { onServerRequest } = handler(new Promise(() => {}));
  const { client } = start({ one: { url: chaos.url } }, { capabilities, onServerRequest });
  const options = { timeoutMs: 10_000, maxTotalTimeoutMs: 400, pauseTimeoutOnServerRequest: true };
  const error = await rejection(client.callTool("one", "elicit", { message: "?" }, options));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", timeoutMs: 400 });
});

test("M13: a session may bring its own onServerRequest and capabilities, which no other connection gets", async () => {
  for (const config of [{ url: (await chaosHttp({ reply: "sse" })).url }, (await chaosStdio()).config]) {
    const everybody = handler();
    const mine = handler();
    const { client } = start({ one: config }, { onServerRequest: everybody.onServerRequest });
    const own = { principal: "ann", capabilities, onServerRequest: mine.onServerRequest };
    const session = await client.session("one", own);
    expect(textOf(await session.callTool("elicit", { message: "?" }))).toContain("decline");
    await session[Symbol.asyncDispose]();
    expect(mine.asked).toMatchObject([{ server: "one", principal: "ann", call: { target: "elicit" } }]);
    // The client itself declares nothing.
    await client.callTool("one", "elicit", { message: "?" }).catch(() => {});
    expect([everybody.asked.length, mine.asked.length]).toEqual([0, 1]);
    expect(await rejection(client.session("one", { onServerRequst: () => {} } as object))).toBeInstanceOf(TypeError);
  }
});

test("M13: sessions with handlers of their own leave nothing behind", async () => {
  const chaos = await chaosHttp();
  const { client } = start({ one: { url: chaos.url } });
  const { onServerRequest } = handler();
  for (let i = 0; i < 5; i++) {
    await using session = await client.session("one", { onServerRequest });
    await session.callTool("echo", { text: "hi" });
  }
  await vi.waitFor(() => expect(client.status()[0]?.pool.total).toBe(0));
});

test("M13, M21: a session makes any request, and what the server asks in it goes to the session's own handler", async () => {
  const chaos = await chaosHttp({ reply: "sse" });
  const { client } = start({ one: { url: chaos.url } });
  const { asked, onServerRequest } = handler();
  await using session = await client.session("one", { onServerRequest, capabilities, principal: "ann" });
  const params = { name: "elicit", arguments: { message: "who?" } };
  const result = await session.request("tools/call", params, { timeoutMs: 30_000 });
  expect(textOf(Object(result))).toContain("decline");
  expect(asked).toMatchObject([{ server: "one", principal: "ann", method: "elicitation/create" }]);
  expect(await session.request("resources/read", { uri: "chaos://text/a" })).toMatchObject({ contents: [{}] });
  await expect(session.request("", {})).rejects.toThrow(TypeError);
  await session[Symbol.asyncDispose]();
  await expect(session.request("tools/list")).rejects.toMatchObject({ code: "ERR_MCP_SESSION_LOST" });
});
