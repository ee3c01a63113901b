import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { startChaosServer } from "@minion/chaos";
import { MinionClient } from "@minion/client";
import { expect, onTestFinished, test } from "vitest";
import { readCredentials } from "../src/auth-config.js";
import { Credentials } from "../src/credentials.js";
import { Gateway } from "../src/index.js";
import { answerOf, post } from "./support.js";

const fail = (key: string, problem: string): never => {
  throw new Error(`${key}: ${problem}`);
};

/** A token endpoint that exchanges `<name>-token` for `<name>-exchanged-<n>`. */
async function startExchange(expiresIn: number): Promise<{ readonly url: string; readonly asked: URLSearchParams[] }> {
  const asked: URLSearchParams[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const form = new URLSearchParams(text);
    asked.push(form);
    const isClient = request.headers.authorization === `Basic ${Buffer.from("gate:s%2Fcret").toString("base64")}`;
    const who = form.get("subject_token")?.split("-")[0];
    response.writeHead(isClient && who !== "eve" ? 200 : 400, { "content-type": "application/json" });
    response.end(JSON.stringify({ access_token: `${who}-exchanged-${asked.length}`, expires_in: expiresIn }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/token`, asked };
}

/** An upstream that only notes what it was sent, in front of a chaos server. */
async function startSpy(target: string): Promise<{ readonly url: string; readonly seen: Set<string> }> {
  const seen = new Set<string>();
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    seen.add(String(request.headers.authorization));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { host: _, connection: __, "content-length": ___, authorization: ____, ...headers } = request.headers;
    const answer = await fetch(target, {
      method: request.method ?? "GET",
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)])),
      ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
    });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "text/plain" });
    response.end(Buffer.from(await answer.arrayBuffer()));
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/mcp`, seen };
}

test("G15, G16: a server is called with the credentials of the principal, and never with the token of the caller", async () => {
  await using chaos = await startChaosServer({ protocol: "modern" });
  const [mapped, exchanged, shared] = await Promise.all([1, 2, 3].map(() => startSpy(chaos.url)));
  const exchange = await startExchange(3_600);
  const rules = readCredentials(
    {
      mapped: { type: "map", byPrincipal: { ann: ["$", "{env:ANN}"].join(""), bob: "bob-mapped" } },
      exchanged: {
        type: "exchange",
        tokenUrl: exchange.url,
        clientId: "gate",
        clientSecret: "s/cret",
        audience: "api",
      },
    },
    { ANN: "ann-mapped" },
    fail,
  );
  const credentials = new Credentials(rules);
  const url = (spy: { readonly url: string } | undefined) => ({
    url: spy?.url ?? "",
    protocol: "2026-07-28",
    headers: { Authorization: "Bearer of-the-file" },
  });
  await using client = await MinionClient.fromConfig(
    { mcpServers: { mapped: url(mapped), exchanged: url(exchanged), shared: url(shared) } },
    { headers: credentials.headers() },
  );
  await using gateway = new Gateway({
    client,
    perUser: credentials.servers,
    auth: credentials.watching({
      verify: async (token) => ({ id: token.split("-")[0] ?? "", scopes: [] }),
      resource: new URL("https://gateway.example/mcp"),
      authorizationServers: [],
    }),
  });
  const http = createServer(gateway.handler()).listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const address = http.address();
  const own = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/mcp`;
  const call = async (who: string, server: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${who}-token` };
    const params = { name: `mcp_${server}_echo`, arguments: { text: who } };
    const { result, error } = await answerOf(await post(own, "tools/call", params, { headers }));
    return error ?? Object(result).content[0].text;
  };
  for (const who of ["ann", "bob"])
    for (const server of ["mapped", "exchanged", "shared"]) expect(await call(who, server)).toBe(who);
  expect(await Promise.all(Array.from({ length: 8 }, () => call("ann", "exchanged")))).toEqual(Array(8).fill("ann"));
  expect(mapped?.seen).toEqual(new Set(["Bearer ann-mapped", "Bearer bob-mapped"]));
  expect([...(exchanged?.seen ?? [])].map((one) => one.replace(/-\d+$/, "")).sort()).toEqual([
    "Bearer ann-exchanged",
    "Bearer bob-exchanged",
  ]);
  expect(shared?.seen).toEqual(new Set(["Bearer of-the-file"]));
  expect(exchange.asked).toHaveLength(2);
  expect(Object.fromEntries(exchange.asked[0] ?? [])).toEqual({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: "ann-token",
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    audience: "api",
  });
  const before = [mapped?.seen.size, exchanged?.seen.size];
  for (const server of ["mapped", "exchanged"]) {
    const error = await call("eve", server);
    expect(error).toMatchObject({ code: -32603, data: { server, delivery: "not-sent" } });
    expect(JSON.stringify(error)).not.toMatch(/-token|s\/cret|-mapped/);
  }
  expect([mapped?.seen.size, exchanged?.seen.size]).toEqual(before);
});

test("G16: a token is exchanged again at the end of its life, and once for all who need it then", async () => {
  const exchange = await startExchange(1);
  const credentials = new Credentials({
    api: { type: "exchange", tokenUrl: exchange.url, clientId: "gate", clientSecret: "s/cret", audience: "api" },
  });
  const { verify } = credentials.watching({
    verify: async (token) => ({ id: token.split("-")[0] ?? "", scopes: [] }),
    resource: new URL("https://gateway.example/mcp"),
    authorizationServers: [],
  });
  const headersOf = credentials.headers().api;
  await expect(headersOf?.({ principal: "ann" })).rejects.toThrow("no token that could be exchanged");
  await expect(headersOf?.({ principal: undefined })).rejects.toThrow("there is none");
  await verify("ann-token", new Request("http://localhost/"));
  const all = await Promise.all(Array.from({ length: 5 }, () => headersOf?.({ principal: "ann" })));
  expect(new Set(all.map((one) => one?.authorization)).size).toBe(1);
  expect(await headersOf?.({ principal: "ann" })).toEqual({ authorization: "Bearer ann-exchanged-2" });
});

test("credentials that are wrong name their key", () => {
  for (const [value, problem] of [
    [[], ": it must be an object by the names of servers"],
    [{ a: 1 }, ".a: it must be an object"],
    [{ a: { type: "basic" } }, '.a.type: it must be "map" or "exchange"'],
    [{ a: { type: "map", byPrincipal: {}, more: 1 } }, ".a.more: the key is unknown; known are type, byPrincipal"],
    [{ a: { type: "map", byPrincipal: { ann: 1 } } }, ".a.byPrincipal.ann: it must be a non-empty string"],
    [{ a: { type: "exchange", tokenUrl: "x" } }, ".a.tokenUrl: it must be a URL"],
    [{ a: { type: "exchange", tokenUrl: "https://a.example" } }, ".a.clientId: it must be a non-empty string"],
  ] as const)
    expect(() => readCredentials(value, {}, fail)).toThrow(problem);
});
