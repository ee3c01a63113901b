import type { OAuthClientProvider } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";
import { AuthorizationError } from "../../src/index.js";
import { deferred, rejection, start, statusOf, until } from "../support.js";
import { MemoryProvider } from "./memory-provider.js";
import { type Lab, outcomeOf, startLab, tally } from "./support.js";

const timeout = 60_000;
const never = (): Promise<never> => new Promise(() => {});

/** Each way in which a method can go wrong. */
const faults: readonly (readonly [string, () => unknown])[] = [
  [
    "throws",
    () => {
      throw new Error("it is broken");
    },
  ],
  ["rejects", () => Promise.reject(new Error("it is broken"))],
  ["throws no Error", () => Promise.reject("it is broken")],
  ["gives undefined", () => undefined],
  ["gives null", () => null],
  ["gives a number", () => 5],
  ["gives text", () => "text"],
  ["gives an empty object", () => ({})],
  ["gives members of wrong types", () => ({ access_token: 5, refresh_token: {}, client_id: [], token_type: 1 })],
  ["gives what no header can hold", () => ({ access_token: "a\r\nx: 1", token_type: "Bearer" })],
  ["gives an empty token", () => ({ access_token: "", token_type: "Bearer" })],
];

/** The provider of that lab with one method replaced. */
function breakMethod(provider: MemoryProvider, method: string, fault: (...given: readonly unknown[]) => unknown): void {
  Object.defineProperty(provider, method, { value: fault, configurable: true });
}

/** What holds whatever a provider does: its calls tell it, nobody is blamed, and all is well as soon as it is. */
async function expectHarmless(lab: Lab, call: () => Promise<unknown>): Promise<void> {
  const error = await rejection(call());
  expect(error).toBeInstanceOf(AuthorizationError);
  expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent" });
  const { breaker, calls } = statusOf(lab.client, "s");
  expect(breaker).toMatchObject({ state: "closed", failures: 0 });
  expect(calls).toMatchObject({ retries: 0 });
}

describe("a provider that works", () => {
  for (const [what, fault] of faults) {
    test(`M18: tokens() that ${what} is told, or taken for no login, and never sent`, { timeout }, async () => {
      const lab = await startLab({ config: { breaker: { failureThreshold: 1 } } });
      await lab.burst(1);
      const before = lab.server.requests.length;
      breakMethod(lab.provider, "tokens", fault);
      await expectHarmless(lab, () => lab.client.callTool("s", "read"));
      for (const { authorization } of lab.server.requests.slice(before))
        expect([authorization]).not.toEqual([expect.stringMatching(/undefined|null|object|Bearer 5/)]);
      Reflect.deleteProperty(lab.provider, "tokens");
      // Where it seemed that there was no login, the user was sent to one: good tokens make it unnecessary.
      expect(await lab.burst(2)).toEqual(["ann", "ann"]);
    });
  }

  for (const method of [
    "saveTokens",
    "clientInformation",
    "saveClientInformation",
    "codeVerifier",
    "saveCodeVerifier",
    "state",
    "redirectToAuthorization",
    "invalidateCredentials",
  ]) {
    for (const [index, [what, fault]] of faults.slice(0, 9).entries()) {
      // Who says that the client was saved, and has not saved it, cannot finish a login.
      if (index % 2 === 1 || (method === "saveClientInformation" && index > 2)) continue;
      test(`M18: ${method}() that ${what} fails nothing but the login`, { timeout }, async () => {
        const lab = await startLab({ isLoggedIn: false, provider: () => new MemoryProvider() });
        breakMethod(lab.provider, method, (...[url]: readonly unknown[]) => {
          if (url instanceof URL) lab.provider.redirects.push(url);
          return fault();
        });
        await expectHarmless(lab, () => lab.client.callTool("s", "read"));
        const url = lab.provider.redirects.at(-1);
        if (url !== undefined) {
          const finished = await lab.client.finishAuth("s", lab.authorization.agree(url)).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (finished !== undefined) expect(finished).toBeInstanceOf(AuthorizationError);
        }
        Reflect.deleteProperty(lab.provider, method);
        const [outcome] = await lab.burst(1);
        if (outcome !== "ann") {
          const next = lab.provider.redirects.at(-1);
          if (next === undefined) throw new Error("nobody was sent off");
          await lab.client.finishAuth("s", lab.authorization.agree(next));
        }
        expect(await lab.burst(2)).toEqual(["ann", "ann"]);
        expect(lab.authorization.reuses).toBe(0);
      });
    }
  }
});

describe("a provider that hangs", () => {
  for (const method of ["tokens", "saveClientInformation", "state"] as const) {
    test(`M18: ${method}() that never settles costs the calls that wait for it, and none that come once it works again`, {
      timeout,
    }, async () => {
      const lab = await startLab({
        isLoggedIn: false,
        provider: () => new MemoryProvider(),
        config: { connectTimeoutMs: 1_000 },
      });
      const { authorization, client, provider, burst } = lab;
      breakMethod(provider, method, never);
      // Time enough to come to the provider: before that a call would wait for the server.
      expect(tally(await burst(4, "read", { timeoutMs: 600 }))).toEqual({ ERR_MCP_TIMEOUT: 4 });
      expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
      Reflect.deleteProperty(provider, method);
      // What was begun is given up some seconds after somebody has waited for it in vain.
      const outcomes: string[] = [];
      while (outcomes.at(-1) !== "ERR_MCP_AUTHORIZATION" || provider.redirects.length === 0)
        outcomes.push(...(await burst(1, "read", { timeoutMs: 10_000 })));
      const url = provider.redirects.at(-1);
      if (url === undefined) throw new Error("nobody was sent off");
      await client.finishAuth("s", authorization.agree(url));
      expect(await burst(2)).toEqual(["ann", "ann"]);
    });
  }

  test("M18: a login that was finished is used at once, though the provider still sends the user off", {
    timeout,
  }, async () => {
    const { authorization, provider, client, burst } = await startLab({ isLoggedIn: false });
    provider.redirectToAuthorization = (url) => {
      provider.redirects.push(url);
      return never();
    };
    const waiting = burst(4);
    await until(() => provider.redirects.length === 1, "the user is sent off");
    const [url] = provider.redirects;
    if (url === undefined) throw new Error("nobody was sent off");
    await client.finishAuth("s", authorization.agree(url));
    expect(tally(await waiting)).toEqual({ ann: 4 });
    expect(await burst(2)).toEqual(["ann", "ann"]);
    expect(provider.redirects).toHaveLength(1);
  });

  test("M18: a function that never gives a provider is asked again once a call has waited for it in vain", {
    timeout,
  }, async () => {
    const { authorization, server } = await startLab();
    let give: () => Promise<OAuthClientProvider> = never;
    // What is begun is given up some seconds after somebody has waited for it in vain: here the attempt to connect.
    const { client } = start({ s: { url: server.url, connectTimeoutMs: 1_000, authProvider: () => give() } });
    expect(await outcomeOf(client.callTool("s", "read", {}, { timeoutMs: 200 }))).toBe("ERR_MCP_TIMEOUT");
    give = async () => new MemoryProvider(authorization.issue("eve"));
    const outcomes: string[] = [];
    while (outcomes.at(-1) !== "eve")
      outcomes.push(await outcomeOf(client.callTool("s", "read", {}, { timeoutMs: 10_000 })));
    expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  });

  test("M18: saveTokens() that never settles after a refresh has the tokens saved later, and the refresh token not presented again", {
    timeout,
  }, async () => {
    const { authorization, provider, burst } = await startLab();
    await burst(1);
    authorization.expire();
    provider.beforeSave = never;
    expect(tally(await burst(4, "read", { timeoutMs: 200 }))).toEqual({ ERR_MCP_TIMEOUT: 4 });
    await until(() => authorization.refreshes.length === 1, "it is refreshed");
    provider.beforeSave = async () => {};
    const outcomes: string[] = [];
    while (outcomes.at(-1) !== "ann") outcomes.push(...(await burst(1, "read", { timeoutMs: 10_000 })));
    expect(tally(await burst(4))).toEqual({ ann: 4 });
    expect(authorization.refreshes).toHaveLength(1);
    expect(authorization.reuses).toBe(0);
  });

  test("M18: close() waits for no provider that hangs", { timeout }, async () => {
    const { provider, client, burst } = await startLab({ isLoggedIn: false });
    const asked = deferred();
    breakMethod(provider, "tokens", () => {
      asked.resolve();
      return never();
    });
    const call = burst(1);
    await asked.promise;
    await client.close({ graceMs: 0 });
    expect(await call).toEqual(["ERR_MCP_CLOSED"]);
  });
});
