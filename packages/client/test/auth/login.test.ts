import { describe, expect, test } from "vitest";
import { AuthorizationError } from "../../src/index.js";
import { deferred, rejection, start, statusOf, until } from "../support.js";
import { startAuthorizationServer } from "./authorization-server.js";
import { MemoryProvider } from "./memory-provider.js";
import { startProtectedServer } from "./protected-server.js";
import { outcomeOf, startLab, tally } from "./support.js";

const timeout = 60_000;

/** Where a user was sent last. */
function sentTo({ redirects }: MemoryProvider): URL {
  const url = redirects.at(-1);
  if (url === undefined) throw new Error("nobody was sent anywhere");
  return url;
}

describe("finishAuth", () => {
  test("M18: registers, sends the user off with PKCE and resource, and redeems the code", { timeout }, async () => {
    const lab = await startLab({ isLoggedIn: false, provider: () => new MemoryProvider() });
    const { authorization, server, provider, client, burst } = lab;
    expect(await burst(1)).toEqual(["ERR_MCP_AUTHORIZATION"]);
    expect(authorization.registrations).toMatchObject([{ application_type: "native" }]);
    const { searchParams } = sentTo(provider);
    expect(searchParams.get("code_challenge_method")).toBe("S256");
    expect(searchParams.get("resource")).toBe(server.url);
    await client.finishAuth("s", authorization.agree(sentTo(provider)));
    expect(await burst(1)).toEqual(["ann"]);
    expect(provider.saved).toMatchObject([{ issuer: authorization.issuer }]);
  });

  test("M18: rejects where iss or state are not those of the login, which can still be finished then", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isLoggedIn: false });
    await burst(1);
    const good = authorization.agree(sentTo(provider));
    for (const [name, value] of [
      ["iss", "https://evil.example.com"],
      ["iss", undefined],
      ["state", "state-of-another"],
      ["state", undefined],
    ] as const) {
      const bad = new URLSearchParams(good);
      if (value === undefined) bad.delete(name);
      else bad.set(name, value);
      const error = await rejection(client.finishAuth("s", bad));
      expect(error).toBeInstanceOf(AuthorizationError);
      expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent", server: "s" });
    }
    expect(authorization.tokenRequests).toEqual([]);
    expect(provider.redirects).toHaveLength(1);
    await client.finishAuth("s", good);
    expect(await burst(2)).toEqual(["ann", "ann"]);
  });

  test("M18: tells what the user came back with instead of a code, and the next call may start over", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isLoggedIn: false });
    await burst(1);
    const back = new URLSearchParams({ error: "access_denied", error_description: "not today", state: "state-1" });
    const forged = await rejection(client.finishAuth("s", back));
    expect(String(forged)).not.toContain("not today");
    back.set("iss", authorization.issuer);
    expect(String(await rejection(client.finishAuth("s", back)))).toContain("access_denied: not today");
    expect(await burst(4)).toEqual(Array.from({ length: 4 }, () => "ERR_MCP_AUTHORIZATION"));
    expect(provider.redirects).toHaveLength(2);
  });

  test("M18: a code that is refused ends the login, without touching tokens or presenting it for good", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isLoggedIn: false });
    await burst(1);
    const params = authorization.agree(sentTo(provider));
    params.set("code", "code-that-is-none-0001");
    const error = await rejection(client.finishAuth("s", params));
    expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION" });
    expect(JSON.stringify([String(error), Reflect.get(Object(error), "stack")])).not.toContain(
      "code-that-is-none-0001",
    );
    expect(await burst(1)).toEqual(["ERR_MCP_AUTHORIZATION"]);
    expect(provider.redirects).toHaveLength(2);
  });

  test("M18: may be called while the provider still sends the user off; calls then go through at once", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isLoggedIn: false });
    provider.redirectToAuthorization = (url) => {
      provider.redirects.push(url);
      return client.finishAuth("s", authorization.agree(url));
    };
    expect(tally(await burst(8))).toEqual({ ann: 8 });
    expect(provider.redirects).toHaveLength(1);
  });

  test("M18: calls that come while a login is being finished wait for it", { timeout }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isLoggedIn: false });
    await burst(1);
    const answered = deferred();
    authorization.beforeToken = () => answered.promise;
    const finishing = client.finishAuth("s", authorization.agree(sentTo(provider)));
    await until(() => authorization.tokenRequests.length === 1, "the code is redeemed");
    const calls = burst(8);
    answered.resolve();
    await finishing;
    expect(tally(await calls)).toEqual({ ann: 8 });
    expect(provider.redirects).toHaveLength(1);
  });

  test("M18: refuses what it cannot work with", { timeout }, async () => {
    const { client } = await startLab({ config: { authProvider: undefined } });
    expect(await rejection(client.finishAuth("s", new URLSearchParams({ code: "c" })))).toMatchObject({
      code: "ERR_MCP_AUTHORIZATION",
      message: expect.stringContaining("no authProvider"),
    });
    await expect(Reflect.apply(client.finishAuth, client, ["s", "code=1"])).rejects.toThrow(TypeError);
    await expect(Reflect.apply(client.finishAuth, client, ["s", new URLSearchParams(), { user: 1 }])).rejects.toThrow();
    await expect(client.finishAuth("none", new URLSearchParams())).rejects.toMatchObject({
      code: "ERR_MCP_SERVER_NOT_FOUND",
    });
  });
});

describe("principals", () => {
  test("M18: each has a provider of its own, asked for once; a refresh of one does not hold up the other", {
    timeout,
  }, async () => {
    const lab = await startLab({ config: { authProvider: undefined } });
    const { authorization, server } = lab;
    const providers = new Map(
      ["ann", "bob"].map((name) => [
        name,
        new MemoryProvider({ ...authorization.issue(name), issuer: authorization.issuer }, { client_id: "test" }),
      ]),
    );
    const asked: unknown[] = [];
    const { client } = start({
      s: {
        url: server.url,
        authProvider: (context) => {
          asked.push(context);
          return providers.get(context.principal ?? "") ?? new MemoryProvider();
        },
      },
    });
    const call = (principal: string): Promise<string> => outcomeOf(client.callTool("s", "read", {}, { principal }));
    expect(await Promise.all(["ann", "bob", "ann", "bob"].map(call))).toEqual(["ann", "bob", "ann", "bob"]);
    expect(asked).toHaveLength(2);
    expect(asked).toContainEqual({ server: "s", principal: "ann" });
    authorization.expire();
    const ann = deferred();
    const annsToken = (await providers.get("ann")?.tokens())?.refresh_token;
    authorization.beforeToken = () =>
      authorization.tokenRequests.at(-1)?.get("refresh_token") === annsToken ? ann.promise : Promise.resolve();
    const slow = Promise.all([call("ann"), call("ann")]);
    await until(() => authorization.tokenRequests.length === 1, "ann's is refreshed");
    expect(await call("bob")).toBe("bob");
    ann.resolve();
    expect(await slow).toEqual(["ann", "ann"]);
    expect(authorization.refreshes).toHaveLength(2);
    expect(authorization.reuses).toBe(0);
  });

  test("M18: a function that fails, or gives no provider, is the application's fault, and is asked again", {
    timeout,
  }, async () => {
    const { authorization, server } = await startLab();
    const problem = new Error("no such user");
    let give = (): MemoryProvider => {
      throw problem;
    };
    const { client } = start({ s: { url: server.url, authProvider: () => give() } });
    expect(await rejection(client.callTool("s", "read"))).toMatchObject({
      code: "ERR_MCP_AUTHORIZATION",
      cause: problem,
    });
    give = () => JSON.parse("{}");
    expect(await rejection(client.callTool("s", "read"))).toMatchObject({ code: "ERR_MCP_AUTHORIZATION" });
    give = () => new MemoryProvider(authorization.issue("eve"));
    expect(await outcomeOf(client.callTool("s", "read"))).toBe("eve");
    expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  });
});

describe("scopes", () => {
  test("M18: a scope is asked for once, with those that there were; what it is not needed for goes on", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab();
    await burst(1);
    expect(tally(await burst(8, "write"))).toEqual({ ERR_MCP_AUTHORIZATION: 8 });
    expect(await rejection(client.callTool("s", "write"))).toMatchObject({ status: 403, scope: "read write" });
    expect(await burst(2)).toEqual(["ann", "ann"]);
    expect(await burst(1, "write")).toEqual(["ERR_MCP_AUTHORIZATION"]);
    expect(provider.redirects).toHaveLength(1);
    expect(authorization.refreshes).toEqual([]);
    expect(sentTo(provider).searchParams.get("scope")?.split(" ").sort()).toEqual(["read", "write"]);
    await client.finishAuth("s", authorization.agree(sentTo(provider)));
    expect(tally(await burst(8, "write"))).toEqual({ ann: 8 });
    expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  });

  test("M18: a user who grants less is not sent off again; one who refuses may be asked once more", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab();
    await burst(1, "write");
    const { issuer: iss } = authorization;
    await rejection(client.finishAuth("s", new URLSearchParams({ error: "access_denied", state: "state-1", iss })));
    await burst(2, "write");
    expect(provider.redirects).toHaveLength(2);
    await client.finishAuth("s", authorization.agree(sentTo(provider), { scope: "read" }));
    for (let round = 0; round < 3; round++) {
      expect(await burst(1)).toEqual(["ann"]);
      expect(tally(await burst(3, "write"))).toEqual({ ERR_MCP_AUTHORIZATION: 3 });
    }
    expect(provider.redirects).toHaveLength(2);
  });
});

describe("metadata", () => {
  test("M18: a 401 asks for them again: where the authorization server has changed the client registers anew, and its refresh token stays where it was", {
    timeout,
  }, async () => {
    const { authorization, server, provider, client, burst } = await startLab();
    await burst(1);
    const next = await startAuthorizationServer();
    server.authorization = next;
    expect(tally(await burst(4))).toEqual({ ERR_MCP_AUTHORIZATION: 4 });
    expect(next.registrations).toHaveLength(1);
    expect([next.refreshes, authorization.refreshes]).toEqual([[], []]);
    expect(sentTo(provider).origin).toBe(next.issuer);
    await client.finishAuth("s", next.agree(sentTo(provider)));
    expect(await burst(1)).toEqual(["ann"]);
    expect(provider.client).toMatchObject({ issuer: next.issuer });
  });

  test("M18: a server that gives out metadata in another's name is not trusted", { timeout }, async () => {
    const authorization = await startAuthorizationServer({ metadata: { issuer: "https://other.example.com" } });
    const server = await startProtectedServer(authorization);
    const provider = new MemoryProvider();
    const { client } = start({ s: { url: server.url, authProvider: provider } });
    expect(await rejection(client.callTool("s", "read"))).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", status: 401 });
    expect(authorization.registrations).toEqual([]);
    expect(provider.redirects).toEqual([]);
  });
});
