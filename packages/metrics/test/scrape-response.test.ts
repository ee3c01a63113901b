import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import { Gauge, Registry } from "prom-client";
import { afterEach, describe, expect, test } from "vitest";
import { Metrics } from "../src/index.js";
import { acceptsGzip } from "../src/scrape-response.js";
import { pool, poolFigures } from "./support.js";

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

async function listen(listener: RequestListener): Promise<number> {
  const server = createServer({ rejectNonStandardBodyWrites: true }, listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("bug: no port");
  return address.port;
}

async function ask(port: number, headers: Record<string, string> = {}, method = "GET") {
  const request = httpRequest({ host: "127.0.0.1", port, method, path: "/metrics", headers }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) };
}

const contentType = "text/plain; version=0.0.4; charset=utf-8";
const watched = () => new Metrics().watchPool(pool({ github: poolFigures({ waiting: 3 }) }));
const line = 'mcp_pool_pending_acquires{server="github"} 3';

function brokenRegistry(): Registry {
  const registry = new Registry();
  const collect = () => {
    throw new Error("secret");
  };
  new Gauge({ name: "broken", help: "Broken.", registers: [registry], collect });
  return registry;
}

describe("handler", () => {
  test("O1: it answers GET with the text and its content type", async () => {
    const { status, headers, body } = await ask(await listen(watched().handler()));
    expect(status).toBe(200);
    expect(headers).toMatchObject({ "content-type": contentType, "content-length": String(body.length) });
    expect(headers["content-encoding"]).toBeUndefined();
    expect(body.toString()).toContain(line);
  });

  test("O1: it compresses where gzip is accepted, and tells caches so", async () => {
    const { headers, body } = await ask(await listen(watched().handler()), { "accept-encoding": "gzip" });
    expect(headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
    expect(gunzipSync(body).toString()).toContain(line);
  });

  test("O1: it answers HEAD without a body, and refuses other methods", async () => {
    const port = await listen(watched().handler());
    const head = await ask(port, {}, "HEAD");
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(Number(head.headers["content-length"])).toBeGreaterThan(1_000);
    expect(await ask(port, {}, "POST")).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
  });

  test("O1: a foreign metric that throws makes it a 500 that gives nothing away", async () => {
    const { status, body } = await ask(await listen(new Metrics({ registry: brokenRegistry() }).handler()));
    expect(status).toBe(500);
    expect(body.toString()).not.toContain("secret");
  });

  test("O1: a scraper that hangs up does no harm", async () => {
    const metrics = watched();
    let closed: Promise<unknown> | undefined;
    const port = await listen((request, response) => {
      closed = once(response, "close");
      request.socket.destroy();
      metrics.handler()(request, response);
    });
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    socket.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    await once(socket, "close");
    await closed;
    expect((await ask(await listen(metrics.handler()))).status).toBe(200);
  });

  test("O1: where somebody else has answered meanwhile, it adds nothing", async () => {
    const metrics = watched();
    const port = await listen((request, response) => {
      metrics.handler()(request, response);
      response.writeHead(503).end("too late");
    });
    expect(await ask(port)).toMatchObject({ status: 503, body: Buffer.from("too late") });
  });

  test("O1: scrapes at the same time all get the whole text", async () => {
    const port = await listen(watched().handler());
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, { "accept-encoding": "gzip" })));
    for (const { body } of answers) expect(gunzipSync(body).toString()).toContain(line);
  });
});

describe("fetch", () => {
  const url = "http://127.0.0.1/metrics";

  test("O1: it answers a Request like the handler", async () => {
    const metrics = watched();
    const plain = await metrics.fetch(new Request(url));
    expect(plain.status).toBe(200);
    expect(plain.headers.get("content-type")).toBe(contentType);
    expect(await plain.text()).toContain(line);
    const packed = await metrics.fetch(new Request(url, { headers: { "accept-encoding": "br, gzip;q=0.5" } }));
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(Buffer.from(await packed.arrayBuffer())).toString()).toContain(line);
    const head = await metrics.fetch(new Request(url, { method: "HEAD" }));
    expect([head.status, head.body]).toEqual([200, null]);
    expect((await metrics.fetch(new Request(url, { method: "DELETE" }))).status).toBe(405);
  });

  test("O1: a foreign metric that throws makes it a 500, while text() tells the error", async () => {
    const metrics = new Metrics({ registry: brokenRegistry() });
    expect((await metrics.fetch(new Request(url))).status).toBe(500);
    await expect(metrics.text()).rejects.toThrow("secret");
  });
});

test.each([
  [undefined, false],
  [null, false],
  ["", false],
  ["gzip", true],
  ["GZIP", true],
  ["x-gzip", true],
  ["br, gzip", true],
  ["gzip;q=0", false],
  ["gzip; q=0.001", true],
  ["gzip;q=nonsense", false],
  ["gzip;level=9", true],
  ["*", true],
  ["*;q=0", false],
  ["*, gzip;q=0", false],
  ["identity", false],
  ["deflate, br", false],
])("O1: Accept-Encoding %j admits gzip: %j", (header, expected) => {
  expect(acceptsGzip(header)).toBe(expected);
});
