import { readFileSync } from "node:fs";
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { ConfigError, MinionClient } from "../../src/index.js";
import { rejection, start } from "../support.js";

const [key, cert] = ["key.pem", "cert.pem"].map((name) =>
  readFileSync(new URL(`certificate/${name}`, import.meta.url), "utf8"),
);
const timeout = 60_000;

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server that answers every call, over TLS or not. */
async function startServer(isSecure: boolean): Promise<number> {
  const answer: Parameters<typeof createHttpServer>[1] = async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const message: { readonly id?: number; readonly method?: string } = body === "" ? {} : JSON.parse(body);
    if (message.id === undefined) return void response.writeHead(request.method === "POST" ? 202 : 405).end();
    const serverInfo = { name: "far", version: "1.0.0" };
    const result =
      message.method === "initialize"
        ? { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo }
        : { content: [{ type: "text", text: "from afar" }] };
    const error = { code: -32_601, message: "no such method" };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({
        jsonrpc: "2.0",
        id: message.id,
        ...(message.method === "server/discover" ? { error } : { result }),
      }),
    );
  };
  const server = isSecure ? createHttpsServer({ key, cert }, answer) : createHttpServer(answer);
  onTestFinished(() => server.closeAllConnections());
  return listening(server);
}

/** A proxy that reaches the server at `port`, whatever host is asked for. */
async function startProxy(
  port: number,
  authorization?: string,
): Promise<{ readonly port: number; readonly seen: string[] }> {
  const seen: string[] = [];
  const mayPass = (given: string | undefined): boolean => authorization === undefined || given === authorization;
  const proxy = createHttpServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    if (!mayPass(request.headers["proxy-authorization"])) return void response.writeHead(407).end();
    const { pathname } = new URL(request.url ?? "");
    const onward = httpRequest({
      host: "127.0.0.1",
      port,
      method: request.method,
      path: pathname,
      headers: request.headers,
    });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  proxy.on("connect", (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    if (!mayPass(request.headers["proxy-authorization"])) return void socket.end("HTTP/1.1 407 No\r\n\r\n");
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket);
      socket.pipe(onward);
    });
    for (const one of [onward, socket]) one.on("error", () => one.destroy());
    socket.on("close", () => onward.destroy());
  });
  onTestFinished(() => proxy.closeAllConnections());
  return { port: await listening(proxy), seen };
}

const fromAfar = { content: [{ type: "text", text: "from afar" }] };

test("M22: everything goes through the proxy of a server, whose credentials it gets; the proxy looks the host up", {
  timeout,
}, async () => {
  const { port, seen } = await startProxy(await startServer(false), `Basic ${btoa("user:p@ss-word")}`);
  const proxy = `http://user:p%40ss-word@127.0.0.1:${port}`;
  const { client } = start({ s: { url: "http://mcp.example.com/mcp", proxy } });
  expect(await client.callTool("s", "any")).toMatchObject(fromAfar);
  await client.close();
  expect(seen.length).toBeGreaterThan(2);
  for (const line of seen) expect(line).toContain("http://mcp.example.com/mcp");
});

test("M22: TLS goes through a tunnel, and `ca` is trusted beside what Node.js trusts", { timeout }, async () => {
  const { port, seen } = await startProxy(await startServer(true));
  const proxy = `http://127.0.0.1:${port}`;
  const { client } = start({
    trusted: { url: "https://localhost/mcp", proxy, ca: cert ?? "" },
    listed: { url: "https://localhost/mcp", proxy, ca: [cert ?? ""] },
    untrusted: { url: "https://localhost/mcp", proxy, retry: false },
  });
  expect(await client.callTool("trusted", "any")).toMatchObject(fromAfar);
  expect(await client.callTool("listed", "any")).toMatchObject(fromAfar);
  expect(await rejection(client.callTool("untrusted", "any"))).toMatchObject({
    code: "ERR_MCP_CONNECT",
    delivery: "not-sent",
  });
  expect(new Set(seen)).toEqual(new Set(["CONNECT localhost:443"]));
});

test("M22: a certificate in `ca` is trusted without a proxy too", { timeout }, async () => {
  const url = `https://localhost:${await startServer(true)}/mcp`;
  const { client } = start({ s: { url, ca: cert ?? "" } });
  expect(await client.callTool("s", "any")).toMatchObject(fromAfar);
});

test('M22: "environment" is HTTP_PROXY and NO_PROXY; without `proxy` they have no effect', { timeout }, async () => {
  const port = await startServer(false);
  const { port: proxyPort, seen } = await startProxy(port);
  vi.stubEnv("HTTP_PROXY", `http://127.0.0.1:${proxyPort}`);
  vi.stubEnv("http_proxy", "");
  vi.stubEnv("NO_PROXY", "127.0.0.1");
  vi.stubEnv("no_proxy", "");
  onTestFinished(() => void vi.unstubAllEnvs());
  const local = `http://127.0.0.1:${port}/mcp`;
  const { client } = start({
    far: { url: "http://mcp.example.com/mcp", proxy: "environment" },
    near: { url: local, proxy: "environment" },
    direct: { url: local },
    never: { url: local, proxy: false },
  });
  for (const server of ["near", "direct", "never"])
    expect(await client.callTool(server, "any")).toMatchObject(fromAfar);
  expect(seen).toEqual([]);
  expect(await client.callTool("far", "any")).toMatchObject(fromAfar);
  expect(seen.length).toBeGreaterThan(0);
});

test("M22: a proxy that refuses or is not there is told, without its credentials; nothing was sent", {
  timeout,
}, async () => {
  const { port } = await startProxy(await startServer(true), "Basic other");
  const proxy = `http://user:hush-hush@127.0.0.1:${port}`;
  const gone = "http://user:hush-hush@127.0.0.1:9";
  const { client } = start({
    refused: { url: "https://localhost/mcp", proxy, retry: false },
    gone: { url: "https://localhost/mcp", proxy: gone, retry: false },
  });
  const refused = await rejection(client.callTool("refused", "any"));
  expect(refused).toMatchObject({ code: "ERR_MCP_HTTP", status: 407, delivery: "not-sent" });
  const absent = await rejection(client.callTool("gone", "any"));
  expect(absent).toMatchObject({ code: "ERR_MCP_CONNECT", delivery: "not-sent" });
  for (const error of [refused, absent]) expect(String(Reflect.get(Object(error), "stack"))).not.toContain("hush-hush");
});

test("M22: a proxy or certificate that is none is told before anything is opened", () => {
  for (const entry of [{ proxy: "socks5://127.0.0.1:1" }, { proxy: true }, { ca: "none" }, { ca: [] }, { ca: 1 }]) {
    const servers = { s: { url: "http://127.0.0.1/mcp", ...entry } };
    expect(() => Reflect.construct(MinionClient, [{ servers }])).toThrow(ConfigError);
  }
});
