import type { StoredOAuthTokens } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";
import { deferred, rejection, start, statusOf, until } from "../support.js";
import { MemoryProvider } from "./memory-provider.js";
import { startLab, tally } from "./support.js";

const timeout = 60_000;

describe("M18: one refresh for all", () => {
  for (const [calls, connections] of [
    [8, 1],
    [8, 4],
    [64, 8],
    [256, 8],
  ] as const) {
    test(`M18: ${calls} calls over up to ${connections} connections when the token expires: all ok, 1 refresh, 0 reuses`, {
      timeout,
    }, async () => {
      const perConnection = Math.ceil(calls / connections);
      const config = { maxConnections: connections, maxCallsPerConnection: perConnection };
      const { authorization, server, provider, client, burst } = await startLab({ config });
      // Every connection is opened: none of the calls is answered before they are all there.
      const all = deferred();
      let waiting = 0;
      server.beforeAnswer = async (message) => {
        if (message?.method !== "tools/call") return;
        waiting += 1;
        if (waiting >= Math.min(calls, 12 * connections)) all.resolve();
        await all.promise;
      };
      if (calls === 8) expect(tally(await burst(calls))).toEqual({ ann: calls });
      server.beforeAnswer = async () => {};
      authorization.expire();
      expect(tally(await burst(calls))).toEqual({ ann: calls });
      expect(authorization.refreshes).toHaveLength(1);
      expect(authorization.reuses).toBe(0);
      expect(provider.redirects).toEqual([]);
      expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed" }, calls: { retries: 0 } });
      expect(await burst(1)).toEqual(["ann"]);
    });
  }

  test("M18: without rotation, too, the refresh token is presented once, and again at the next expiry", {
    timeout,
  }, async () => {
    const { authorization, burst } = await startLab({ authorization: { rotates: false } });
    await burst(1);
    for (const expiries of [1, 2, 3]) {
      authorization.expire();
      expect(tally(await burst(8))).toEqual({ ann: 8 });
      expect(authorization.refreshes).toHaveLength(expiries);
    }
  });

  test("M18: a call that is refused late, with a token that was replaced meanwhile, is sent again with the new one", {
    timeout,
  }, async () => {
    const { authorization, server, burst } = await startLab();
    await burst(1);
    authorization.expire();
    const late = deferred();
    let refusals = 0;
    server.beforeAnswer = async (_, isRefused) => {
      refusals += isRefused ? 1 : 0;
      if (isRefused && refusals === 2) await late.promise;
    };
    const two = burst(2);
    await until(() => refusals === 2 && authorization.refreshes.length === 1, "the first has refreshed");
    expect(await burst(1)).toEqual(["ann"]);
    late.resolve();
    expect(await two).toEqual(["ann", "ann"]);
    expect(authorization.refreshes).toHaveLength(1);
  });

  test("M18: at first contact without tokens there is one redirect for all; 100 calls while the login is pending send nobody off", {
    timeout,
  }, async () => {
    const { authorization, server, provider, client, burst } = await startLab({ isLoggedIn: false });
    expect(tally(await burst(8))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    expect(provider.redirects).toHaveLength(1);
    const { requests } = server;
    const before = requests.length;
    expect(tally(await burst(100))).toEqual({ ERR_MCP_AUTHORIZATION: 100 });
    expect(provider.redirects).toHaveLength(1);
    expect(requests).toHaveLength(before);
    const error = await rejection(client.callTool("s", "read"));
    expect(error).toMatchObject({ delivery: "not-sent", status: 401, scope: "read", server: "s" });
    expect(error).toMatchObject({ challenge: expect.stringContaining("invalid_token") });
    expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed" }, calls: { retries: 0 } });
    const [url] = provider.redirects;
    if (url === undefined) throw new Error("there is no redirect");
    await client.finishAuth("s", authorization.agree(url));
    expect(tally(await burst(8))).toEqual({ ann: 8 });
  });

  test("M18: a revoked grant costs one refresh and one redirect, however many call", { timeout }, async () => {
    const { authorization, provider, burst } = await startLab();
    await burst(1);
    authorization.revoke();
    expect(tally(await burst(8))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    expect(tally(await burst(8))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    expect(authorization.refreshes).toHaveLength(1);
    expect(provider.redirects).toHaveLength(1);
  });

  test("M18: a provider that cannot be told to forget tokens does not have a refused refresh token presented again", {
    timeout,
  }, async () => {
    class Forgetless extends MemoryProvider {
      override invalidateCredentials(): void {}
    }
    const provider = (tokens: ConstructorParameters<typeof MemoryProvider>[0]): MemoryProvider =>
      new Forgetless(tokens, { client_id: "test" });
    const { authorization, burst, ...lab } = await startLab({ provider });
    await burst(1);
    authorization.revoke();
    expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
    expect(authorization.refreshes).toHaveLength(1);
    expect(lab.provider.redirects).toHaveLength(1);
  });

  test("M18: an answer of an authorization server that is out of order ends no login and sends nobody off", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab();
    await burst(1);
    authorization.expire();
    for (const text of ["<html>", '{"error":"temporarily_unavailable"}', '{"error":"server_error"}']) {
      authorization.tokenAnswer = { status: 503, text };
      expect(tally(await burst(8))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    }
    expect(provider.redirects).toEqual([]);
    expect(statusOf(client, "s")).toMatchObject({ breaker: { state: "closed" }, calls: { retries: 0 } });
    authorization.tokenAnswer = undefined;
    expect(tally(await burst(8))).toEqual({ ann: 8 });
    expect(authorization.reuses).toBe(0);
  });

  test("M18: tokens that could not be saved are saved later; the refresh token is not presented again", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab();
    await burst(1);
    authorization.expire();
    const problem = new Error("the disk is full");
    provider.beforeSave = () => Promise.reject(problem);
    expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
    expect(await rejection(client.callTool("s", "read"))).toMatchObject({ cause: problem, delivery: "not-sent" });
    provider.beforeSave = async () => {};
    expect(tally(await burst(4))).toEqual({ ann: 4 });
    expect(authorization.refreshes).toHaveLength(1);
    expect(authorization.reuses).toBe(0);
  });

  test("M18: after a crash between refresh and save, the next process logs in again, once", { timeout }, async () => {
    const { authorization, server, provider, burst } = await startLab();
    await burst(1);
    const old = await provider.tokens();
    authorization.expire();
    provider.beforeSave = () => new Promise(() => {});
    const lost = burst(1, "read", { timeoutMs: 200 });
    await until(() => authorization.refreshes.length === 1, "it is refreshed");
    expect(await lost).toEqual(["ERR_MCP_TIMEOUT"]);
    const next = new MemoryProvider(old, { client_id: "test", issuer: authorization.issuer });
    const { client } = start({ s: { url: server.url, authProvider: next } });
    const codes = await Promise.all(
      [1, 2, 3].map(() => rejection(client.callTool("s", "read")).then((error) => Reflect.get(Object(error), "code"))),
    );
    expect(new Set(codes)).toEqual(new Set(["ERR_MCP_AUTHORIZATION"]));
    expect(next.redirects).toHaveLength(1);
    const [url] = next.redirects;
    if (url === undefined) throw new Error("there is no redirect");
    await client.finishAuth("s", authorization.agree(url));
    expect(await client.callTool("s", "read")).toMatchObject({ content: [{ text: "ann" }] });
  });

  test("M18: a token that is refused as soon as it was got is not replaced again and again", { timeout }, async () => {
    const { authorization, server, burst } = await startLab();
    await burst(1);
    // Whatever it is given, it knows none of it.
    server.hook = () => {
      authorization.expire();
      return false;
    };
    expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
    expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
    expect(authorization.refreshes).toHaveLength(1);
  });

  test("M18: nor is one whose provider says that less than nothing is left of it", { timeout }, async () => {
    class Remaining extends MemoryProvider {
      override async tokens(): Promise<StoredOAuthTokens | undefined> {
        const tokens = await super.tokens();
        return tokens && { ...tokens, expires_in: -1 };
      }
    }
    const { authorization, server, burst } = await startLab({ provider: (...given) => new Remaining(...given) });
    await burst(1);
    server.hook = () => {
      authorization.expire();
      return false;
    };
    expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
    expect(authorization.refreshes.length).toBeLessThan(2);
  });

  test("M18: a refresh answered with an empty refresh token leaves the one that is still good", {
    timeout,
  }, async () => {
    const { authorization, provider, burst } = await startLab({ authorization: { rotates: false } });
    await burst(1);
    const { access_token } = authorization.issue("ann");
    authorization.tokenAnswer = {
      status: 200,
      text: JSON.stringify({ access_token, refresh_token: "", token_type: "Bearer" }),
    };
    await provider.saveTokens({ ...(await provider.tokens()), access_token: "expired", token_type: "Bearer" });
    expect(tally(await burst(4))).toEqual({ ann: 4 });
    authorization.expire();
    authorization.tokenAnswer = undefined;
    expect(tally(await burst(4))).toEqual({ ann: 4 });
    expect(provider.redirects).toEqual([]);
  });
});
