import { IncomingMessage } from "node:http";
import { type LookupFunction, Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { oauthFetch } from "../../src/auth/oauth-fetch.js";
import { OAuthOrigins } from "../../src/auth/oauth-origins.js";
import { RefreshTokens } from "../../src/auth/refresh-tokens.js";
import type { HttpRequest } from "../../src/session/http/http-sockets.js";
import { Secrets } from "../../src/session/redact.js";

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

class OutOfOrder extends Error {}

/** A `fetch` whose requests are answered with `answer`, or fail with it. */
function fetching(answer: Answer | Error, serverUrl = "https://203.0.113.1/mcp") {
  const secrets = new Secrets();
  const refreshTokens = new RefreshTokens();
  const sent: HttpRequest[] = [];
  const send = async (_url: URL, request: HttpRequest): Promise<IncomingMessage> => {
    sent.push(request);
    if (answer instanceof Error) throw answer;
    const { status = 200, headers = {}, body = "{}" } = answer;
    const message = new IncomingMessage(new Socket());
    message.statusCode = status;
    message.headers = headers;
    if (body !== "") message.push(body);
    message.push(null);
    return message;
  };
  const fetch = oauthFetch({
    send,
    secrets,
    refreshTokens,
    origins: new OAuthOrigins(new URL(serverUrl), []),
    outOfOrder: (message) => new OutOfOrder(message),
    metadataUrl: undefined,
    signal: new AbortController().signal,
  });
  return { fetch, secrets, refreshTokens, sent };
}

const refresh = {
  method: "post",
  body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: "refresh-1" }),
};

describe("a refresh token", () => {
  test.each([
    ["is spent where there are tokens for it", { body: '{"access_token":"access-1"}' }, "spent"],
    ["is spent where the grant is over", { status: 400, body: '{"error":"invalid_grant"}' }, "spent"],
    ["stays where it is the client that is refused", { status: 401, body: '{"error":"invalid_client"}' }, "kept"],
  ])("M18: %s", async (_, answer, outcome) => {
    const { fetch, refreshTokens } = fetching(answer);
    const response = await fetch("https://203.0.113.1/token", refresh);
    expect(response.status).toBe("status" in answer ? answer.status : 200);
    expect(refreshTokens.isSpent("refresh-1")).toBe(outcome === "spent");
  });

  test.each([
    ["fails", { status: 500, body: "down" }],
    ["fails and names an error", { status: 503, body: '{"error":"temporarily_unavailable"}' }],
    ["has too many requests", { status: 429, body: '{"error":"slow_down"}' }],
    ["says no more than no", { status: 400, body: "no" }],
    ["says that it is in trouble", { status: 400, body: '{"error":"server_error"}' }],
    ["answers nothing", new Error("socket hang up")],
    ["says yes and gives no token", {}],
    ["says yes and gives a token that is none", { body: '{"access_token":5}' }],
    ["says yes with a page", { body: "<html>Sign in</html>" }],
    ["answers what nobody can read", { headers: { "content-encoding": "gzip" } }],
    ["answers without end", { body: "x".repeat(1_048_577) }],
  ])("M18: stays where the authorization server %s, and no login ends by that", async (_, answer) => {
    const { fetch, refreshTokens } = fetching(answer);
    await expect(fetch("https://203.0.113.1/token", refresh)).rejects.toBeInstanceOf(OutOfOrder);
    expect(refreshTokens.isSpent("refresh-1")).toBe(false);
  });
});

describe("what an authorization server answers", () => {
  test("M16: is masked where it says no, cut where it is no JSON, and nothing at all where it says yes without JSON", async () => {
    const echo = { status: 400, body: '{"error":"invalid_request","error_description":"code-1234 is wrong"}' };
    const body = new URLSearchParams({ grant_type: "authorization_code", code: "code-1234" });
    const refused = await fetching(echo).fetch("https://203.0.113.1/token", { method: "POST", body });
    expect(await refused.text()).toBe('{"error":"invalid_request","error_description":"*** is wrong"}');
    const page = await fetching({ status: 404, body: `<html>${"x".repeat(1_000)}` }).fetch("https://203.0.113.1/a");
    expect((await page.text()).length).toBe(300);
    for (const text of ["<html>", ""])
      expect(await (await fetching({ body: text }).fetch("https://203.0.113.1/a")).text()).toBe("");
    expect(await (await fetching({ status: 400, body: "7" }).fetch("https://203.0.113.1/a")).text()).toBe("");
    expect(await (await fetching({ body: "7" }).fetch("https://203.0.113.1/a")).text()).toBe("7");
  });

  test("M16: whose tokens are known before anybody can tell of them", async () => {
    const tokens = { access_token: "access-1234", refresh_token: "refresh-1234", expires_in: 3_600 };
    const { fetch, secrets } = fetching({ body: JSON.stringify(tokens) });
    expect(await (await fetch("https://203.0.113.1/token", refresh)).json()).toEqual({
      ...tokens,
      token_type: "Bearer",
    });
    expect(secrets.mask("access-1234 refresh-1234")).toBe("*** ***");
  });

  test("M18: that is null is not there, which the SDK would refuse", async () => {
    const { fetch } = fetching({
      body: '{"access_token":"access-1","refresh_token":null,"scope":null,"expires_in":60}',
    });
    const read = await (await fetch("https://203.0.113.1/token", refresh)).json();
    expect(read).toEqual({ access_token: "access-1", expires_in: 60, token_type: "Bearer" });
  });

  test.each([
    [
      { token_type: "bearer", scope: "a b" },
      { token_type: "bearer", scope: "a b" },
    ],
    [
      { scope: ["a", "b"], id_token: 5 },
      { token_type: "Bearer", scope: "a b" },
    ],
    [{ token_type: 7, scope: {} }, { token_type: "Bearer" }],
    [{ refresh_token: "" }, { token_type: "Bearer" }],
    [{ refresh_token: 7, expires_in: "soon" }, { token_type: "Bearer" }],
    [{ refresh_token: {}, expires_in: -1 }, { token_type: "Bearer" }],
    [{ expires_in: {} }, { token_type: "Bearer" }],
    [{ expires_in: "60" }, { token_type: "Bearer", expires_in: 60 }],
  ])("M18: beside a token that was granted costs no login: %j", async (written, expected) => {
    const { fetch, refreshTokens } = fetching({ body: JSON.stringify({ access_token: "access-1", ...written }) });
    const read = await (await fetch("https://203.0.113.1/token", refresh)).json();
    expect(read).toEqual({ access_token: "access-1", ...expected });
    expect(refreshTokens.isSpent("refresh-1")).toBe(true);
  });

  test.each([
    ["bad_refresh_token", "invalid_grant", true],
    ["invalid_grant", "invalid_grant", true],
    ["incorrect_client_credentials", "incorrect_client_credentials", false],
  ])("M18: is a refusal also with a status of success: %s", async (error, told, isSpent) => {
    const text = JSON.stringify({ error, error_description: "refresh-1 is bad" });
    const { fetch, refreshTokens } = fetching({ body: text });
    const response = await fetch("https://203.0.113.1/token", refresh);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: told, error_description: "*** is bad" });
    expect(refreshTokens.isSpent("refresh-1")).toBe(isSpent);
  });

  test("M18: a status that has no body has none, and a header is what it was but for the length", async () => {
    const headers = { "content-length": "2", "x-one": "1" };
    const response = await fetching({ status: 204, body: "", headers }).fetch("https://203.0.113.1/a");
    expect(response.status).toBe(204);
    expect(response.body).toBeNull();
    expect(Object.fromEntries(response.headers)).toEqual({ "x-one": "1" });
  });

  test("M16: a failure names the address without its query", async () => {
    const failed = fetching(new Error("socket hang up")).fetch("https://203.0.113.1/a?code=1234");
    await expect(failed).rejects.toThrow(new TypeError("https://203.0.113.1/a cannot be asked: socket hang up"));
  });
});

describe("a host name that a server names", () => {
  /** What its look-up comes to. */
  function lookedUp(lookup: LookupFunction | undefined, name: string, all: boolean): Promise<unknown> {
    return new Promise((resolve) => {
      lookup?.(name, { all }, (error, address, family) => resolve(error ?? (all ? address : { address, family })));
    });
  }

  test.each([true, false])("M18: is not asked where it leads to a private address (all: %s)", async (all) => {
    const { fetch, sent } = fetching({});
    await fetch("https://login.example/token");
    expect(String(await lookedUp(sent[0]?.lookup, "localhost", all))).toContain("allowedAuthOrigins");
  });

  test("M18: is asked where the server itself is at such an address", async () => {
    const { fetch, sent } = fetching({}, "http://127.0.0.1:1/mcp");
    await fetch("https://login.example/token");
    const one = await lookedUp(sent[0]?.lookup, "localhost", false);
    expect([
      { address: "127.0.0.1", family: 4 },
      { address: "::1", family: 6 },
    ]).toContainEqual(one);
    expect(await lookedUp(sent[0]?.lookup, "localhost", true)).toContainEqual(one);
  });

  test("M18: that cannot be looked up is told as the system tells it", async () => {
    const { fetch, sent } = fetching({});
    await fetch("https://login.example/token");
    expect(await lookedUp(sent[0]?.lookup, "no-such-host.invalid", true)).toMatchObject({ syscall: "getaddrinfo" });
  });

  test("M18: an address in its place is refused before anything is sent", async () => {
    const { fetch, sent } = fetching({});
    await expect(fetch("https://10.0.0.1/token")).rejects.toThrow("allowedAuthOrigins");
    expect(sent).toEqual([]);
  });
});
