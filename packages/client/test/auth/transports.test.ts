import { UnauthorizedError as UnauthorizedErrorV2 } from "@modelcontextprotocol/client";
import { UnauthorizedError as UnauthorizedErrorV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { describe, expect, test } from "vitest";
import { deferred, memoryServer, rejection, start, statusOf, until } from "../support.js";
import { startLab, tally } from "./support.js";

const timeout = 60_000;

for (const [line, make] of [
  ["v1", () => new UnauthorizedErrorV1()],
  ["v2", () => new UnauthorizedErrorV2()],
  ["v1, as a cause", () => new Error("it failed", { cause: new UnauthorizedErrorV1() })],
] as const) {
  test(`M18: an UnauthorizedError of SDK ${line} from connect is an AuthorizationError, and counts against nobody`, async () => {
    const server = memoryServer({
      connect: () => {
        throw make();
      },
    });
    const { client } = start({ s: { ...server.config, breaker: { failureThreshold: 1 } } });
    for (let call = 0; call < 3; call++) {
      const error = await rejection(client.callTool("s", "echo", {}, { idempotent: true }));
      expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent", status: 401 });
    }
    expect(server.contexts).toHaveLength(3);
    expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed", failures: 0 }, calls: { retries: 0 } });
  });
}

test("M18: answers that are streams, the standing stream and the end of a session carry the current token", {
  timeout,
}, async () => {
  const { authorization, server, provider, client, burst } = await startLab({ server: { streams: true } });
  expect(tally(await burst(4))).toEqual({ ann: 4 });
  authorization.expire();
  expect(tally(await burst(8))).toEqual({ ann: 8 });
  const token = (await provider.tokens())?.access_token;
  await client.close();
  const last = (method: string): unknown =>
    server.requests.filter((one) => one.method === method && one.path === "/mcp").at(-1);
  expect(last("DELETE")).toMatchObject({ authorization: `Bearer ${token}` });
  expect(last("GET")).toMatchObject({ authorization: expect.stringContaining("Bearer ") });
  expect(authorization.refreshes).toHaveLength(1);
});

test("M18: the end of a session asks for no login", { timeout }, async () => {
  const { authorization, server, provider, client, burst } = await startLab();
  await burst(1);
  authorization.revoke();
  await client.close();
  expect(server.requests.at(-1)).toMatchObject({ method: "DELETE" });
  expect(authorization.refreshes).toEqual([]);
  expect(provider.redirects).toEqual([]);
});

test("M18: a token that the configuration gives stands above the provider's", { timeout }, async () => {
  const { authorization, server, provider, burst } = await startLab({
    config: { headers: { Authorization: "Bearer mine-and-no-other" } },
  });
  expect(await burst(1)).toEqual(["ERR_MCP_AUTHORIZATION"]);
  expect(new Set(server.requests.map((one) => one.authorization))).toEqual(new Set(["Bearer mine-and-no-other"]));
  expect(authorization.requests).toEqual([]);
  expect(provider.redirects).toEqual([]);
});

test("M18: a standing stream that is refused when the token has expired is opened with the next one", {
  timeout,
}, async () => {
  const { authorization, server, burst } = await startLab({ server: { listens: true } });
  await burst(1);
  await until(() => server.openStreams.length === 1, "it listens");
  authorization.expire();
  server.openStreams[0]?.end();
  await until(() => server.openStreams.length === 2, "it listens again");
  expect(authorization.refreshes).toHaveLength(1);
  expect(authorization.reuses).toBe(0);
  expect(await burst(8)).toEqual(Array.from({ length: 8 }, () => "ann"));
  expect(authorization.refreshes).toHaveLength(1);
});

test("M18: a notification that is refused when the token has expired is sent again with the next one", {
  timeout,
}, async () => {
  const { authorization, server, client, burst } = await startLab();
  await burst(1);
  const isAsked = deferred();
  server.beforeAnswer = async (message) => {
    if (message?.method !== "tools/call") return;
    isAsked.resolve();
    await new Promise(() => {});
  };
  const controller = new AbortController();
  const call = rejection(client.callTool("s", "read", {}, { signal: controller.signal }));
  await isAsked.promise;
  authorization.expire();
  controller.abort(new Error("enough"));
  await call;
  await until(() => server.notifications.includes("notifications/cancelled"), "the server is told");
  expect(authorization.refreshes).toHaveLength(1);
});

describe("HTTP+SSE", () => {
  for (const rotates of [true, false]) {
    test(`M18: 8 calls at once when the token expires, ${rotates ? "with" : "without"} rotation: all ok, 1 refresh, 0 reuses, the stream stays`, {
      timeout,
    }, async () => {
      const { authorization, server, provider, client, burst } = await startLab({
        isSse: true,
        authorization: { rotates },
      });
      expect(await burst(1)).toEqual(["ann"]);
      authorization.expire();
      expect(tally(await burst(8))).toEqual({ ann: 8 });
      expect(authorization.refreshes).toHaveLength(1);
      expect(authorization.reuses).toBe(0);
      expect(server.openStreams).toHaveLength(1);
      expect(provider.redirects).toEqual([]);
      expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed" }, calls: { retries: 0 } });
    });
  }

  test("M18: a stream that ended is opened again with the next token", { timeout }, async () => {
    const { authorization, server, burst } = await startLab({ isSse: true });
    expect(await burst(1)).toEqual(["ann"]);
    authorization.expire();
    server.openStreams[0]?.end();
    await until(() => server.openStreams[0]?.closed === true, "the stream has ended");
    expect(tally(await burst(8))).toEqual({ ann: 8 });
    expect(authorization.refreshes).toHaveLength(1);
    expect(authorization.reuses).toBe(0);
  });

  test("M18: first contact sends nobody off twice, and a scope is asked for once", { timeout }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isSse: true, isLoggedIn: false });
    const loggedIn = async (): Promise<void> => {
      const url = provider.redirects.at(-1);
      if (url === undefined) throw new Error("nobody was sent off");
      await client.finishAuth("s", authorization.agree(url));
    };
    expect(tally(await burst(8))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    expect(provider.redirects).toHaveLength(1);
    await loggedIn();
    expect(tally(await burst(8))).toEqual({ ann: 8 });
    expect(tally(await burst(8, "write"))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    expect(provider.redirects).toHaveLength(2);
    await loggedIn();
    expect(tally(await burst(8, "write"))).toEqual({ ann: 8 });
    expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  });
});
