import { expect, test } from "vitest";
import { CallTimeoutError } from "../../src/index.js";
import { deferred, rejection, statusOf, until } from "../support.js";
import { startLab, tally } from "./support.js";

const timeout = 60_000;

test("M18: a deadline that ends in the middle of a refresh is not-sent, counts against nobody, and the call does not run later", {
  timeout,
}, async () => {
  const { authorization, server, client, burst } = await startLab({
    config: { breaker: { failureThreshold: 1 } },
  });
  await burst(1);
  authorization.expire();
  const answered = deferred();
  authorization.beforeToken = () => answered.promise;
  const error = await rejection(client.callTool("s", "read", {}, { timeoutMs: 300, idempotent: true }));
  expect(error).toBeInstanceOf(CallTimeoutError);
  expect(error).toMatchObject({ delivery: "not-sent" });
  expect(authorization.refreshes).toEqual([]);
  expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  const waiting = burst(8);
  answered.resolve();
  expect(tally(await waiting)).toEqual({ ann: 8 });
  expect(server.ran).toHaveLength(9);
  expect(authorization.refreshes).toHaveLength(1);
});

test("M18: the same where the connection is still to be opened", { timeout }, async () => {
  const { authorization, server, client, burst } = await startLab({ config: { breaker: { failureThreshold: 1 } } });
  authorization.expire();
  const answered = deferred();
  authorization.beforeToken = () => answered.promise;
  const error = await rejection(client.callTool("s", "read", {}, { timeoutMs: 300 }));
  expect(error).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  answered.resolve();
  expect(await burst(2)).toEqual(["ann", "ann"]);
  expect(server.ran).toHaveLength(2);
});

test("M18: a connection that is not opened in time for want of a login is the application's affair", {
  timeout,
}, async () => {
  const { provider, client } = await startLab({ config: { connectTimeoutMs: 200, breaker: { failureThreshold: 1 } } });
  provider.beforeRead = () => new Promise(() => {});
  const error = await rejection(client.callTool("s", "read"));
  expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent" });
  expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed", failures: 0 }, calls: { retries: 0 } });
});

test("M18: a call that was refused first and then waits for a refresh can be given up as not sent", {
  timeout,
}, async () => {
  const { authorization, server, client, burst } = await startLab();
  await burst(1);
  authorization.expire();
  authorization.tokenAnswer = "hang";
  const before = server.requests.length;
  const controller = new AbortController();
  const call = rejection(client.callTool("s", "read", {}, { signal: controller.signal }));
  await until(() => authorization.tokenRequests.length === 1, "it is refreshed");
  const reason = new Error("enough");
  controller.abort(reason);
  expect(await call).toBe(reason);
  await client.close({ graceMs: 0 });
  // Neither the call again, nor a notification that takes it back.
  const posts = server.requests.slice(before).filter(({ method, path }) => method === "POST" && path === "/mcp");
  expect(posts).toHaveLength(1);
});

test("M18: an authorization server that never answers is asked again once a call has waited for it in vain", {
  timeout,
}, async () => {
  const { authorization, burst } = await startLab();
  await burst(1);
  authorization.expire();
  authorization.tokenAnswer = "hang";
  expect(await burst(1, "read", { timeoutMs: 100 })).toEqual(["ERR_MCP_TIMEOUT"]);
  authorization.tokenAnswer = undefined;
  const outcomes: string[] = [];
  while (outcomes.at(-1) !== "ann") outcomes.push(...(await burst(1)));
  expect(outcomes.slice(0, -1)).toEqual(outcomes.length > 1 ? ["ERR_MCP_AUTHORIZATION"] : []);
});

test("M18: headers() that takes too long is not-sent and counts against nobody; what cannot be sent is its fault", {
  timeout,
}, async () => {
  let headers = async (): Promise<Record<string, string>> => ({});
  const { authorization, client } = await startLab({
    config: { authProvider: undefined, headers: () => headers(), breaker: { failureThreshold: 1 } },
  });
  const { access_token } = authorization.issue("ann");
  headers = async () => ({ Authorization: `Bearer ${access_token}` });
  expect(await client.callTool("s", "read")).toMatchObject({ content: [{ text: "ann" }] });
  headers = () => new Promise(() => {});
  const late = await rejection(client.callTool("s", "read", {}, { timeoutMs: 200 }));
  expect(late).toMatchObject({ code: "ERR_MCP_TIMEOUT", delivery: "not-sent" });
  for (const given of ['{ "x-a": "1\\n2" }', '{ "not a name": "1" }', "null", '"text"']) {
    headers = async () => JSON.parse(given);
    const error = await rejection(client.callTool("s", "read"));
    expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent", status: undefined });
  }
  expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed", failures: 0 }, calls: { retries: 0 } });
});

test("M18: headers(): 8 calls that are refused with a token that was replaced meanwhile are sent again with the current one", {
  timeout,
}, async () => {
  let token = "";
  const { authorization, server, client, burst } = await startLab({
    config: {
      authProvider: undefined,
      headers: async () => ({ Authorization: `Bearer ${token}` }),
      breaker: { failureThreshold: 1 },
    },
  });
  token = authorization.issue("ann").access_token;
  expect(await burst(1)).toEqual(["ann"]);
  authorization.expire();
  // As where one of the application's own has got another one: none of the calls began with it.
  server.beforeAnswer = async (_, isRefused) => {
    if (isRefused) token = authorization.grantOf(token) === undefined ? authorization.issue("ann").access_token : token;
  };
  expect(tally(await burst(8))).toEqual({ ann: 8 });
  expect(server.ran).toHaveLength(9);
  expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed", failures: 0 }, calls: { retries: 0 } });
});

test("M18: headers() that gives the refused token again has the call refused once, not again and again", {
  timeout,
}, async () => {
  let asked = 0;
  const { server, client } = await startLab({
    config: {
      authProvider: undefined,
      headers: async () => {
        asked += 1;
        return { Authorization: "Bearer none-that-is-good", "X-Request": String(asked) };
      },
    },
  });
  const error = await rejection(client.callTool("s", "read"));
  expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent", status: 401 });
  const paths = server.requests.filter(({ path }) => path === "/mcp").length;
  expect(paths).toBeLessThan(3);
});
