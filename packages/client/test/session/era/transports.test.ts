import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import type { MinionClient } from "../../../src/index.js";
import { rejection, start, statusOf, until } from "../../support.js";
import { textOf } from "../../support-client.js";
import { type Speaks, type UrlServer, urlServer } from "./url-server.js";

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: false } as const;
const plain = [
  ["nothing", ""],
  ["text", "Cannot POST /mcp"],
  ["a page", "<!doctype html><title>404</title>"],
  ["JSON that is no JSON-RPC", '{"detail":"Method Not Allowed"}'],
  ["a list", "[]"],
] as const;
const refusals = [400, 404, 405].flatMap((status) => plain.map(([what, text]) => ({ status, what, text })));

/** A client of a server at a URL without type. */
function untyped(server: UrlServer, options: { readonly maxConnections?: number } = {}): MinionClient {
  return start({ s: { url: server.url, ...policy, ...options } }).client;
}

async function call(client: MinionClient): Promise<unknown> {
  return textOf(await client.callTool("s", "any", {}, { idempotent: true }));
}

function transportOf(client: MinionClient): unknown {
  return statusOf(client, "s").transport;
}

/** Ends the connections of a server and waits until the client knows. */
async function lose(client: MinionClient, server: UrlServer): Promise<void> {
  server.drop();
  await until(() => !statusOf(client, "s").connected, "the connection was lost");
}

describe("a URL without type where only HTTP+SSE is spoken", () => {
  test.each(refusals)(
    "M22: by $status with $what: one POST is all that it is asked by streamable HTTP",
    {
      timeout,
    },
    async ({ status, text }) => {
      const server = await urlServer("sse", { status, text });
      const client = untyped(server);
      expect(await call(client)).toBe("sse");
      expect(transportOf(client)).toBe("sse");
      await lose(client, server);
      expect(await call(client)).toBe("sse");
      expect(server.seen).toEqual(["POST server/discover", "GET", "GET"]);
    },
  );

  test("M22: connections that are opened at the same time find out together", { timeout }, async () => {
    const server = await urlServer("sse");
    const client = untyped(server, { maxConnections: 4 });
    const sessions = await Promise.all(Array.from({ length: 4 }, () => client.session("s")));
    expect(server.count("POST server/discover")).toBe(1);
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  });

  test("M22: it is remembered while the server is down", { timeout }, async () => {
    const server = await urlServer("sse");
    const client = untyped(server);
    await call(client);
    await server.stop();
    await until(() => !statusOf(client, "s").connected, "the connection was lost");
    expect(await rejection(call(client))).toMatchObject({ code: "ERR_MCP_CONNECT" });
    await server.resume();
    expect(await call(client)).toBe("sse");
    expect(server.seen).toEqual(["POST server/discover", "GET", "GET"]);
  });

  test("M22: one that is slow to name its address is found where nothing else is", { timeout }, async () => {
    const server = await urlServer("sse");
    // Only once the older handshake was refused too.
    server.onGet = () => server.count("POST initialize") === 0;
    expect(await call(untyped(server))).toBe("sse");
    expect(server.seen).toEqual(["POST server/discover", "GET", "POST initialize", "GET"]);
  });

  test("M22: one that is not let in is told why, and not that it is not there", { timeout }, async () => {
    const server = await urlServer("sse");
    server.onGet = (response) => {
      response.writeHead(401, { "www-authenticate": "Bearer" }).end("who are you?");
      return true;
    };
    expect(await rejection(call(untyped(server)))).toMatchObject({ code: "ERR_MCP_AUTHORIZATION", status: 401 });
  });

  test("M22: a server that names its address and refuses the handshake is told as that", { timeout }, async () => {
    const server = await urlServer("sse", { status: 404, text: "no" });
    server.onGet = (response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: endpoint\ndata: /elsewhere\n\n");
      return true;
    };
    const client = untyped(server);
    expect(await rejection(call(client))).toMatchObject({ code: "ERR_MCP_CONNECT" });
    expect(transportOf(client)).toBe("sse");
    expect(server.count("POST initialize")).toBe(1);
  });
});

describe("a URL without type where streamable HTTP of an older revision is spoken", () => {
  test.each(refusals)(
    "M22: and what is unknown is refused by $status with $what",
    {
      timeout,
    },
    async ({ status, text }) => {
      const server = await urlServer("legacy", { status, text });
      const client = untyped(server, { maxConnections: 2 });
      expect(await call(client)).toBe("legacy");
      expect(transportOf(client)).toBe("http");
      expect(server.seen.slice(0, 3)).toEqual(["POST server/discover", "GET", "POST initialize"]);
      await (await client.session("s"))[Symbol.asyncDispose]();
      expect([server.count("POST server/discover"), server.count("POST initialize")]).toEqual([1, 2]);
    },
  );

  test.each<[string, (response: ServerResponse) => unknown]>([
    ["never answers a GET", () => {}],
    ["answers a GET by a stream without an address", (response) => sendStream(response, ": hello\n\n")],
    ["answers a GET by a stream that ends", (response) => sendStream(response, "").end()],
    ["answers a GET by a page", (response) => response.writeHead(200, { "content-type": "text/html" }).end("<p>hi")],
    ["answers a GET by 500", (response) => response.writeHead(500).end()],
    ["breaks off every GET", (response) => response.destroy()],
    ["wants a login for a GET", (response) => response.writeHead(401, { "www-authenticate": "Bearer" }).end()],
  ])("M22: and %s", { timeout }, async (_what, onGet) => {
    const server = await urlServer("legacy", { status: 400, text: "Bad Request" });
    server.onGet = (response) => {
      onGet(response);
      return true;
    };
    const client = untyped(server);
    expect(await call(client)).toBe("legacy");
    expect(transportOf(client)).toBe("http");
    expect(server.seen.slice(0, 3)).toEqual(["POST server/discover", "GET", "POST initialize"]);
  });

  test("M22: a refusal by a JSON-RPC message shows that it is, so that nothing else is tried", {
    timeout,
  }, async () => {
    const text = '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Server not initialized"},"id":null}';
    const server = await urlServer("legacy", { status: 400, text });
    expect(await call(untyped(server))).toBe("legacy");
    expect(server.seen.slice(0, 2)).toEqual(["POST server/discover", "POST initialize"]);
  });
});

describe("a URL without type whose server is replaced", () => {
  const changes: readonly (readonly [Speaks, Speaks])[] = [
    ["sse", "legacy"],
    ["sse", "modern"],
    ["legacy", "sse"],
    ["modern", "sse"],
  ];

  test.each(changes.flatMap(([from, to]) => [400, 404, 405].map((status) => ({ from, to, status }))))(
    "M22: from $from to $to, which refuses by $status, is found again, and remembered",
    { timeout },
    async ({ from, to, status }) => {
      const server = await urlServer(from, { status });
      const client = untyped(server);
      expect(await call(client)).toBe(from);
      server.speaks = to;
      // An HTTP session is only missed at a call, and a server of today without any is asked no more.
      if (from === "sse") await lose(client, server);
      expect(await call(client)).toBe(to);
      expect(transportOf(client)).toBe(to === "sse" ? "sse" : "http");
      const before = server.seen.length;
      if (to === "sse") await lose(client, server);
      expect(await call(client)).toBe(to);
      expect(server.seen.slice(before)).toEqual(to === "sse" ? ["GET"] : ["POST tools/call"]);
    },
  );
});

describe("a URL without type where nothing is spoken", () => {
  test("M22: is refused in its own words, after each transport was tried once", { timeout }, async () => {
    const server = await urlServer("sse", { status: 404, text: "nobody is here" });
    server.onGet = (response) => {
      response.writeHead(404).end();
      return true;
    };
    const client = untyped(server);
    const told = { code: "ERR_MCP_HTTP", status: 404, message: expect.stringContaining("nobody is here") };
    expect(await rejection(call(client))).toMatchObject(told);
    expect(server.seen).toEqual(["POST server/discover", "GET", "POST initialize"]);
    expect(transportOf(client)).toBe("http");
  });

  test("M22: a revision that is pinned is not asked for, and the older one is greeted once", { timeout }, async () => {
    const server = await urlServer("sse");
    const { client } = start({ s: { url: server.url, ...policy, protocol: "2025-06-18" } });
    server.onGet = (response) => {
      response.writeHead(405).end();
      return true;
    };
    expect(await rejection(call(client))).toMatchObject({ code: "ERR_MCP_HTTP", status: 404 });
    expect(server.seen).toEqual(["POST initialize", "GET"]);
  });
});

/** Begins a stream of events. */
function sendStream(response: ServerResponse, text: string): ServerResponse {
  response.writeHead(200, { "content-type": "text/event-stream" }).write(text || ":\n\n");
  return response;
}
