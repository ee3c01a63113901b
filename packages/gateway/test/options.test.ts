import { MinionClient } from "@minion/client";
import { expect, onTestFinished, test } from "vitest";
import { Gateway, type GatewayOptions } from "../src/index.js";
import { answerOf, post, startGateway } from "./support.js";

test("a wrong option is refused by its name, at any depth", () => {
  const client = new MinionClient({ servers: { a: { url: "http://127.0.0.1:1/mcp" } } });
  onTestFinished(() => client.close());
  const gatewayOf = (options: object) => new Gateway(Object.assign<GatewayOptions, object>({ client }, options));
  const auth = {
    verify: async () => ({ id: "a", scopes: [] }),
    resource: new URL("http://g"),
    authorizationServers: [],
  };
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ auth: { ...auth, scope: ["read"] } }, /auth: unknown option "scope"; known are .*scopes/],
    [{ auth: { ...auth, scopes: "read" } }, /auth\.scopes must be an array/],
    [{ auth: { ...auth, resource: "http://g" } }, /auth\.resource must be a URL/],
    [{ auth: { ...auth, authorizationServers: undefined } }, /auth\.authorizationServers must be an array of URL/],
    [{ auth: null }, /auth: the options must be an object/],
    [{ names: { prfix: "a_" } }, /prfix/],
    [{ names: null }, /Gateway: names: the options must be an object/],
    [{ names: [] }, /Gateway: names: the options must be an object/],
    [{ registry: {} }, /Gateway: registry must be a Registry of prom-client/],
    [{ registry: null }, /Gateway: registry must be a Registry of prom-client/],
    [{ names: { maxLength: Number.NaN } }, /maxLength/],
  ];
  for (const [options, message] of cases) expect(() => gatewayOf(options)).toThrow(message);
});

test("a drain with a wrong option begins nothing", async () => {
  const { gateway } = await startGateway({});
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ delayMs: Number.NaN }, /delayMs must be a number from 0, got NaN/],
    [{ graceMs: -1 }, /graceMs must be a number from 0, got -1/],
    [{ grace: 5 }, /unknown option "grace"; known are delayMs, graceMs, beforeRefusing/],
  ];
  for (const [options, message] of cases) await expect(gateway.drain(options)).rejects.toThrow(message);
  expect(gateway.status().draining).toBe(false);
});

test("a quota that fails, or decides nothing, says nothing of itself to the caller", async () => {
  for (const quota of [async () => JSON.parse("null"), () => Promise.reject(new TypeError("secret"))]) {
    const { url } = await startGateway({ a: { url: "http://127.0.0.1:1/mcp" } }, { quota });
    const answer = await answerOf(await post(url, "tools/call", { name: "mcp_a_echo", arguments: {} }));
    expect(answer.error).toEqual({ code: -32603, message: "Internal error" });
  }
});
