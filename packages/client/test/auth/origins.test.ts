import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { OAuthOrigins } from "../../src/auth/oauth-origins.js";
import { isPrivateAddress } from "../../src/auth/private-address.js";
import { ConfigError, MinionClient } from "../../src/index.js";
import { rejection, start } from "../support.js";
import { json, listen, startAuthorizationServer } from "./authorization-server.js";
import { MemoryProvider } from "./memory-provider.js";
import { outcomeOf, startLab } from "./support.js";

const timeout = 60_000;

describe("metadata", () => {
  test("M18: what a challenge names is asked only on the server's own origin, or an allowed one", {
    timeout,
  }, async () => {
    const asked: (string | undefined)[] = [];
    const authorization = await startAuthorizationServer();
    const other = await listen((request, response) => {
      asked.push(request.url);
      json(response, 200, { resource: `${server.origin}/mcp`, authorization_servers: [authorization.issuer] });
    });
    const server = await listen((request, response) => {
      const challenge = `Basic realm="x", Bearer resource_metadata="${other.origin}/metadata"`;
      if (request.url === "/mcp") json(response, 401, {}, { "www-authenticate": challenge });
      else json(response, 404, {});
    });
    const [stranger, friend] = [new MemoryProvider(), new MemoryProvider()];
    const url = `${server.origin}/mcp`;
    const { client } = start({
      strict: { url, authProvider: stranger },
      open: { url, authProvider: friend, allowedAuthOrigins: [other.origin] },
    });
    expect(await outcomeOf(client.callTool("strict", "read"))).toBe("ERR_MCP_AUTHORIZATION");
    expect(asked).toEqual([]);
    expect(stranger.redirects).toEqual([]);
    expect(await outcomeOf(client.callTool("open", "read"))).toBe("ERR_MCP_AUTHORIZATION");
    expect(asked).toEqual(["/metadata"]);
    expect(friend.redirects).toHaveLength(1);
  });

  test("M18: a private address is asked only where the server's own URL has one", async () => {
    const strange = new OAuthOrigins(new URL("https://192.0.2.1/mcp"), ["https://10.0.0.1"]);
    const [allowed, other] = [new URL("https://10.0.0.1/token"), new URL("https://auth.example.com/token")];
    expect(await strange.mayAsk(other, "192.0.2.7", false)).toBe(true);
    expect(await strange.mayAsk(other, "169.254.169.254", false)).toBe(false);
    expect(await strange.mayAsk(allowed, "10.0.0.1", false)).toBe(true);
    // Not even an allowed origin, where a challenge leads there.
    expect(await strange.mayAsk(allowed, "10.0.0.1", true)).toBe(false);
    const near = new OAuthOrigins(new URL("http://127.0.0.1/mcp"), []);
    expect(await near.mayAsk(other, "10.0.0.7", false)).toBe(true);
    expect(await near.mayAsk(other, "10.0.0.7", true)).toBe(false);
    expect(await near.mayAsk(other, "127.0.0.1", true)).toBe(true);
  });

  test("M18: private addresses are known in every spelling", () => {
    for (const address of [
      "10.1.2.3",
      "127.0.0.1",
      "169.254.169.254",
      "172.31.0.1",
      "192.168.1.1",
      "100.64.0.1",
      "0.0.0.0",
      "::1",
      "::",
      "fd00::1",
      "fe80::1",
      "::ffff:10.0.0.1",
      "::ffff:7f00:1",
    ])
      expect([address, isPrivateAddress(address)]).toEqual([address, true]);
    for (const address of ["8.8.8.8", "172.32.0.1", "192.0.2.1", "2606:4700::1111", "::ffff:8.8.8.8", "no address"])
      expect([address, isPrivateAddress(address)]).toEqual([address, false]);
  });

  test("M18: a server's authorization server at a private address is not asked by a host name either", {
    timeout,
  }, async () => {
    const { authorization, server, provider, client } = await startLab({ isLoggedIn: false });
    // Another loopback host is private as the server's own is: that is asked.
    const local = new URL(authorization.issuer);
    local.hostname = "localhost";
    server.hook = (request, response) => {
      if (request.url?.startsWith("/.well-known/oauth-protected-resource") !== true) return false;
      json(response, 200, { resource: server.url, authorization_servers: [local.origin] });
      return true;
    };
    authorization.metadata = { issuer: local.origin };
    expect(await outcomeOf(client.callTool("s", "read"))).toBe("ERR_MCP_AUTHORIZATION");
    expect(provider.redirects).toHaveLength(1);
  });

  test("M18: allowedAuthOrigins are origins", () => {
    for (const allowedAuthOrigins of [
      ["auth.example.com"],
      ["https://auth.example.com/path"],
      [1],
      "https://a.example.com",
    ]) {
      const servers = { s: { url: "http://127.0.0.1/mcp", allowedAuthOrigins } };
      expect(() => Reflect.construct(MinionClient, [{ servers }])).toThrow(ConfigError);
    }
  });
});

describe("tokens", () => {
  test("M18: a provider serves one origin: given to a server of another its tokens are not sent there", {
    timeout,
  }, async () => {
    const { server, provider, burst } = await startLab();
    expect(await burst(1)).toEqual(["ann"]);
    const asked: (string | undefined)[] = [];
    const other = await listen((request, response) => {
      asked.push(request.headers.authorization);
      json(response, 404, {});
    });
    const localhost = server.url.replace("127.0.0.1", "localhost");
    const { client } = start({
      stranger: { url: `${other.origin}/mcp`, authProvider: provider },
      alias: { url: localhost, authProvider: provider },
    });
    for (const name of ["stranger", "alias"]) {
      const error = await rejection(client.callTool(name, "read"));
      expect(error).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", delivery: "not-sent" });
      expect(String(error)).toContain("one of its own");
    }
    expect(asked).toEqual([]);
  });

  test("M16: tokens, codes and client secrets are in no error, event or console line, whatever an authorization server says", {
    timeout,
  }, async () => {
    const lines: unknown[] = [];
    const { warn } = console;
    console.warn = (...line: unknown[]) => void lines.push(...line);
    try {
      const { authorization, provider, client, events, burst } = await startLab();
      await burst(1);
      const tokens = await provider.tokens();
      authorization.expire();
      const errors: unknown[] = [];
      for (const status of [400, 401, 500]) {
        const echo = JSON.stringify({ error: "invalid_grant", error_description: `no ${tokens?.refresh_token}` });
        for (const text of [`${tokens?.refresh_token} is none`, echo, `"${tokens?.access_token}`]) {
          authorization.tokenAnswer = { status, text };
          await provider.saveTokens({ access_token: "a-token-of-old", token_type: "Bearer", ...tokens });
          errors.push(await rejection(client.callTool("s", "read")));
        }
      }
      const told = [...errors, ...events, ...lines, ...client.status()].map((one) =>
        one instanceof Error
          ? [one.message, one.stack, String(one.cause), Reflect.get(Object(one.cause), "stack")]
          : one,
      );
      for (const secret of [tokens?.refresh_token, tokens?.access_token])
        expect(JSON.stringify(told)).not.toContain(secret);
    } finally {
      console.warn = warn;
    }
  });
});

describe("answers", () => {
  test("M7: a bomb behind content-encoding and an answer that is too large are told, and end no login", {
    timeout,
  }, async () => {
    const bomb = gzipSync("x".repeat(20_000_000)).toString("latin1");
    const { authorization, provider, burst } = await startLab();
    await burst(1);
    authorization.expire();
    for (const answer of [
      { status: 200, text: bomb, headers: { "content-encoding": "gzip" } },
      { status: 200, text: "x".repeat(5_000_000) },
    ]) {
      authorization.tokenAnswer = answer;
      expect(await burst(1)).toEqual(["ERR_MCP_AUTHORIZATION"]);
    }
    expect(provider.redirects).toEqual([]);
    authorization.tokenAnswer = undefined;
    expect(await burst(1)).toEqual(["ann"]);
  });
});
