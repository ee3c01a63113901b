import { UnauthorizedError as UnauthorizedErrorV2 } from "@modelcontextprotocol/client";
import { UnauthorizedError as UnauthorizedErrorV1 } from "@modelcontextprotocol/sdk/client/auth.js";
import { expect, test } from "vitest";
import { memoryServer, rejection, start, statusOf } from "../support.js";
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
