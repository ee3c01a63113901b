import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { startChaosServer } from "@minion/chaos";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { expect, onTestFinished, test, vi } from "vitest";
import { Gateway, type GatewayOptions, type Principal } from "../src/index.js";
import { verifyJwt, verifyKeys } from "../src/tokens.js";
import { answerOf, listening, post, startGateway } from "./support.js";

/** Sends a request with headers that `fetch` would not send. */
async function statusOf(url: string, headers: Record<string, string>, body = "{}"): Promise<number> {
  const request = httpRequest(url, { method: "POST", headers: { "content-type": "application/json", ...headers } });
  request.end(body);
  const [response] = await once(request, "response");
  response.resume();
  return response.statusCode;
}

test("X2: allowed hosts and origins may be written with scheme and port; what is no name of a host is refused", async () => {
  await using chaos = await startChaosServer();
  const written = { allowedHosts: ["Gateway.Example:8443"], allowedOrigins: ["https://page.example:444/", "::2"] };
  const { url, client } = await startGateway({ chaos: { url: chaos.url } }, written);
  expect(await statusOf(url, { host: "gateway.example" })).toBe(400);
  expect(await statusOf(url, { origin: "https://page.example" })).toBe(400);
  expect(await statusOf(url, { origin: "http://[::2]:5173" })).toBe(400);
  for (const allowedHosts of [["*"], ["*.example.com"], ["a b"], ["https://a.example/path"]])
    expect(() => new Gateway({ client, allowedHosts })).toThrow("allowedHosts must hold names of hosts, got");
});

test("X2, G14: a foreign Host or Origin is refused, on every path and before the body is read; allowed ones are not", async () => {
  await using chaos = await startChaosServer();
  const { url } = await startGateway(
    { chaos: { url: chaos.url } },
    { allowedHosts: ["gateway.example"], allowedOrigins: ["page.example"] },
  );
  const { port } = new URL(url);
  for (const host of [
    "evil.example",
    `evil.example:${port}`,
    "127.0.0.1.evil.example",
    "10.0.0.1",
    "localhost.evil",
    "[::2]",
  ])
    for (const path of ["/mcp", "/", "/.well-known/oauth-protected-resource"])
      expect([host, path, await statusOf(new URL(path, url).href, { host })]).toEqual([host, path, 403]);
  for (const host of ["localhost", `LOCALHOST:${port}`, "127.0.0.1", "[::1]:1", "a.localhost", "gateway.example:443"])
    expect([host, await statusOf(url, { host })]).toEqual([host, 400]);
  for (const origin of ["https://evil.example", "null", "file://", "https://localhost.evil"])
    expect([origin, await statusOf(url, { origin })]).toEqual([origin, 403]);
  for (const origin of ["http://localhost:5173", "https://page.example"])
    expect([origin, await statusOf(url, { origin })]).toEqual([origin, 400]);
  const response = await post(url, "tools/list");
  expect(response.headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
});

const auth = (verify: (token: string) => Promise<Principal>): Partial<GatewayOptions> => ({
  auth: {
    verify,
    resource: new URL("https://gateway.example/mcp"),
    authorizationServers: [new URL("https://issuer.example")],
    scopes: ["mcp"],
  },
});

test("G14: without a good token nothing is touched: 401 and 403 as RFC 6750, the metadata as RFC 9728", async () => {
  await using chaos = await startChaosServer();
  const { url } = await startGateway(
    { chaos: { url: chaos.url } },
    auth(async (token) => {
      if (token === "broken") throw new Error("no");
      return { id: "ann", scopes: token === "good" ? ["mcp"] : [] };
    }),
  );
  const call = (headers: Record<string, string>): Promise<Response> =>
    post(url, "tools/call", { name: "mcp_chaos_sideEffect", arguments: { key: "a" } }, { headers });
  const metadata = 'resource_metadata="https://gateway.example/.well-known/oauth-protected-resource"';
  for (const [authorization, status, says] of [
    [undefined, 401, `Bearer ${metadata}, scope="mcp"`],
    ["Basic YTpi", 401, `Bearer ${metadata}, scope="mcp"`],
    ["Bearer", 401, `Bearer ${metadata}, scope="mcp"`],
    ["Bearer broken", 401, `Bearer error="invalid_token", ${metadata}, scope="mcp"`],
    ["Bearer poor", 403, `Bearer error="insufficient_scope", ${metadata}, scope="mcp"`],
  ] as const) {
    const response = await call(authorization === undefined ? {} : { authorization });
    expect([authorization, response.status, response.headers.get("www-authenticate")]).toEqual([
      authorization,
      status,
      says,
    ]);
  }
  expect(chaos.journal().filter(({ event }) => event === "sideEffect")).toEqual([]);
  expect((await call({ authorization: "Bearer good" })).status).toBe(200);
  expect(chaos.journal().filter(({ event }) => event === "sideEffect")).toHaveLength(1);
  for (const path of ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"])
    expect(await (await fetch(new URL(path, url))).json()).toEqual({
      resource: "https://gateway.example/mcp",
      authorization_servers: ["https://issuer.example/"],
      scopes_supported: ["mcp"],
      bearer_methods_supported: ["header"],
    });
});

test("G14: a token for which nobody is given lets nobody in, and takes up no place", async () => {
  const { url, gateway } = await startGateway(
    {},
    auth(async () => JSON.parse("null")),
  );
  const headers = { authorization: "Bearer t" };
  expect((await post(url, "tools/list", {}, { headers })).status).toBe(401);
  const response = await gateway.fetch(new Request(url, { method: "POST", headers }));
  expect([response.status, gateway.status().calls]).toEqual([401, 0]);
});

test("G15: neither the token nor a cookie of a caller reaches a server", async () => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    request.on("data", (data) => seen.push(String(data)));
    seen.push(JSON.stringify(request.rawHeaders));
    response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const { url } = await startGateway(
    { spy: { url: `http://127.0.0.1:${port}/mcp` } },
    auth(async () => ({ id: "ann", scopes: ["mcp"] })),
  );
  const headers = {
    authorization: "Bearer secret-token",
    cookie: "a=secret-cookie",
    "mcp-session-id": "secret-session",
  };
  const { error } = await answerOf(await post(url, "tools/call", { name: "mcp_spy_echo", arguments: {} }, { headers }));
  expect(error).toBeDefined();
  expect(seen.length).toBeGreaterThan(0);
  expect(seen.join("\n")).not.toMatch(/secret-/);
  expect(JSON.stringify(error)).not.toMatch(/secret-/);
});

test("G14: a key is accepted for its own principal, and nothing else is", async () => {
  const verify = verifyKeys({ ann: "key-a", bob: "key-b" });
  const request = new Request("http://localhost/mcp");
  expect(await verify("key-b", request)).toEqual({ id: "bob", scopes: [] });
  for (const wrong of ["key", "key-c", "", "ann", "key-a ", "KEY-A"])
    await expect(verify(wrong, request)).rejects.toThrow();
});

test("G14: a JWT is accepted only of its issuer, for this gateway, signed by a key of the issuer, and until it expires", async () => {
  const [good, foreign] = await Promise.all([generateKeyPair("RS256"), generateKeyPair("RS256")]);
  const jwk = { ...(await exportJWK(good.publicKey)), kid: "one", alg: "RS256" };
  const issuer = createServer((request, response) => {
    const own = `http://${request.headers.host}`;
    const isKeys = request.url === "/keys";
    const body = isKeys ? { keys: [jwk] } : { issuer: own, jwks_uri: `${own}/keys` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(issuer, "listening");
  onTestFinished(() => void issuer.close());
  const address = issuer.address();
  const own = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const resource = "https://gateway.example/mcp";
  const verify = verifyJwt({ issuer: own, resource });
  const request = new Request("http://localhost/mcp");
  const now = Math.floor(Date.now() / 1_000);
  const claims = { sub: "ann", iss: own, aud: resource, exp: now + 60, scope: "mcp other" };
  const sign = (changes: object, key = good.privateKey): Promise<string> =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg: "RS256", kid: "one" }).sign(key);
  expect(await verify(await sign({}), request)).toEqual({ id: "ann", scopes: ["mcp", "other"] });
  expect(await verify(await sign({ exp: now - 2 }), request)).toMatchObject({ id: "ann" });
  const parts = (await sign({})).split(".");
  const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${parts[1]}.`;
  const other = Buffer.from(JSON.stringify({ ...claims, sub: "bob" })).toString("base64url");
  for (const wrong of [
    await sign({ aud: "https://other.example" }),
    await sign({ aud: undefined }),
    await sign({ iss: "https://other.example" }),
    await sign({ exp: now - 60 }),
    await sign({ exp: undefined }),
    await sign({ sub: undefined }),
    await sign({ nbf: now + 60 }),
    await sign({}, foreign.privateKey),
    unsigned,
    `${parts[0]}.${other}.${parts[2]}`,
    parts.slice(0, 2).join("."),
    "x",
  ])
    await expect(verify(wrong, request)).rejects.toThrow();
});

test("G14: while the issuer cannot be asked, callers are answered 503 and keep their tokens; what is no token is 401 all the same", async () => {
  const { privateKey, publicKey } = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256" };
  let isDown = true;
  const issuer = createServer((request, response) => {
    if (isDown) return void response.writeHead(request.url === "/broken" ? 200 : 500).end("down");
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  });
  const own = await listening(issuer);
  const resource = "https://gateway.example/mcp";
  const sign = (kid: string): Promise<string> =>
    new SignJWT({ sub: "ann", iss: own, aud: resource, exp: Math.floor(Date.now() / 1_000) + 60 })
      .setProtectedHeader({ alg: "RS256", kid })
      .sign(privateKey);
  const gatewayOf = (jwksUri?: string) =>
    startGateway(
      {},
      {
        auth: {
          verify: verifyJwt({ issuer: own, resource, jwksUri }),
          resource: new URL(resource),
          authorizationServers: [],
        },
      },
    );
  const gateways = await Promise.all([undefined, `${own}/keys`, `${own}/broken`].map(gatewayOf));
  const ask = async (url: string, token: string) => {
    const { status, headers } = await post(url, "tools/list", {}, { headers: { authorization: `Bearer ${token}` } });
    return [status, headers.get("retry-after"), headers.has("www-authenticate")];
  };
  for (const { url, gateway } of gateways) {
    expect(await ask(url, await sign("one"))).toEqual([503, "5", false]);
    expect(await ask(url, "x")).toEqual([401, null, true]);
    expect(gateway.status().calls).toBe(0);
  }
  isDown = false;
  const { url = "" } = gateways[1] ?? {};
  expect(await ask(url, await sign("one"))).toEqual([200, null, false]);
  expect(await ask(url, await sign("two"))).toEqual([401, null, true]);
});

test("G18: a body that is too large is 413, and calls and streams over the limit are 503 with Retry-After", async () => {
  await using chaos = await startChaosServer();
  const { url, gateway } = await startGateway(
    { chaos: { url: chaos.url } },
    { maxBodyBytes: 10_000, maxConcurrentCalls: 2, maxStreams: 2 },
  );
  const large = { name: "mcp_chaos_echo", arguments: { text: "x".repeat(20_000) } };
  expect((await post(url, "tools/call", large)).status).toBe(413);
  const gone = new AbortController();
  const hang = { name: "mcp_chaos_hang", arguments: {} };
  const held = [1, 2].map(() => post(url, "tools/call", hang, { signal: gone.signal }).catch(() => {}));
  await vi.waitFor(() => expect(gateway.status().calls).toBe(2), 20_000);
  const refused = await post(url, "tools/list");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
  gone.abort();
  await Promise.all(held);
  await vi.waitFor(() => expect(gateway.status().calls).toBe(0), 20_000);
  expect((await post(url, "tools/list")).status).toBe(200);
  const listen = (): Promise<Response> =>
    post(url, "subscriptions/listen", { notifications: { toolsListChanged: true } });
  const get = (): Promise<Response> => fetch(url, { headers: { accept: "text/event-stream" } });
  const streams = await Promise.all([listen(), get()]);
  await vi.waitFor(() => expect(gateway.status()).toMatchObject({ streams: 2, calls: 0 }), 20_000);
  for (const third of [await get(), await listen()])
    expect([third.status, third.headers.get("retry-after")]).toEqual([503, "5"]);
  await Promise.all(streams.map((stream) => stream.body?.cancel()));
  await vi.waitFor(() => expect(gateway.status().streams).toBe(0), 20_000);
});

test("G18: a call that says in its head that it is a stream is counted as the call that it is", async () => {
  await using chaos = await startChaosServer();
  const { url, gateway } = await startGateway({ chaos: { url: chaos.url } }, { maxConcurrentCalls: 1 });
  const params = { name: "mcp_chaos_slow", arguments: { ms: 60_000 } };
  const gone = new AbortController();
  const send = (): Promise<Response> =>
    fetch(url, {
      method: "POST",
      signal: gone.signal,
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-method": "subscriptions/listen",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    });
  const held = send().catch(() => {});
  await vi.waitFor(() => expect(gateway.status().calls).toBe(1), 10_000);
  expect((await send()).status).toBe(503);
  gone.abort();
  await held;
});

test("G16: a server of perUser has a connection and a list for each principal; to any other all are the same", async () => {
  const principals: Record<string, (string | undefined)[]> = { own: [], shared: [] };
  const server = (name: string) => ({
    connect: async ({ principal }: { readonly principal: string | undefined }) => {
      principals[name]?.push(principal);
      const tools = [{ name: `of-${principal}`, inputSchema: { type: "object" } }];
      return {
        request: async ({ method }: { method: string }) => (method === "tools/list" ? { tools } : { content: [] }),
        callTool: async () => ({ content: [] }),
        listTools: async () => ({ tools }),
        close: async () => {},
        getServerCapabilities: () => ({ tools: {} }),
      };
    },
  });
  const { url } = await startGateway(
    { own: server("own"), shared: server("shared") },
    { perUser: ["own"], ...auth(async (id) => ({ id, scopes: ["mcp"] })) },
  );
  const names = async (token: string): Promise<readonly string[]> => {
    const response = await post(url, "tools/list", {}, { headers: { authorization: `Bearer ${token}` } });
    return Object((await answerOf(response)).result).tools.map(({ name }: { name: string }) => name);
  };
  const [ann, bob] = await Promise.all([names("ann"), names("bob")]);
  expect(ann).toEqual(["mcp_own_of-ann", "mcp_shared_of-undefined"]);
  expect(bob).toEqual(["mcp_own_of-bob", "mcp_shared_of-undefined"]);
  expect(new Set(principals.shared)).toEqual(new Set([undefined]));
});
