import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { getRequestListener } from "@hono/node-server";
import { MinionClient } from "@minion/client";
import { Metrics } from "@minion/metrics";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Listening, listen } from "../src/listen.js";
import { Live } from "../src/live.js";
import { page } from "../src/page.js";

const mebibyte = 1_048_576;
const client = new MinionClient({ servers: {} });
const live = new Live(client, []);
const metrics = new Metrics().watchClient(client);
const handlers = {
  page: getRequestListener(page(live, client, metrics).fetch),
  "metrics port": metrics.handler(),
};

afterAll(async () => {
  live.stop();
  await client.close();
});

/** Sends the bytes as they are and gives what came back until the connection ended, or until `enough`. */
async function raw(
  port: number,
  text: string | Buffer,
  { address = "127.0.0.1", enough = (_: string): boolean => false } = {},
): Promise<string> {
  const socket = connect(port, address);
  let answer = "";
  const ended = new Promise<void>((resolve) => {
    socket.on("data", (chunk) => {
      answer += chunk;
      if (enough(answer)) resolve();
    });
    socket.on("close", () => resolve());
    // A server that hangs up on a body may reset the connection; what it said before counts.
    socket.on("error", () => resolve());
  });
  socket.write(text);
  await ended;
  socket.destroy();
  return answer;
}

function request(path: string, headers: readonly string[], { method = "GET", body = "" } = {}): string {
  return [`${method} ${path} HTTP/1.1`, ...headers, "Connection: close", "", body].join("\r\n");
}

const status = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);

describe.each(Object.entries(handlers))("X2: the %s", (name, handler) => {
  let listening: Listening;
  let port = 0;
  const path = name === "page" ? "/api/rate" : "/metrics";

  beforeAll(async () => {
    listening = await listen(handler, { port: 0, allowedHosts: ["Demo.Example"] });
    port = listening.port;
  });
  afterAll(() => listening.close());

  const ask = async (...headers: string[]) => status(await raw(port, request("/metrics", headers)));

  test("listens on loopback unless told otherwise", () => {
    expect(listening.server.address()).toMatchObject({ address: "127.0.0.1" });
    expect(listening.url).toBe(`http://127.0.0.1:${port}`);
  });

  test.each(["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "demo.example", "127.0.0.1:1", "localhost:65535"])(
    "answers where the Host is %s, whatever its port",
    async (host) => {
      expect(await ask(`Host: ${host}`)).toBe(200);
    },
  );

  test.each([
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:80",
    "0.0.0.0",
    "10.0.0.1",
    "[::2]",
    "demo.example.evil",
    "user@localhost",
    "localhost:80:80",
    "localhost/",
    "localhost, evil.example",
    "",
    ":80",
    "[",
    "[]",
    "::1",
  ])("refuses the Host %j", async (host) => {
    const answer = await raw(port, request("/metrics", [`Host: ${host}`]));
    expect(status(answer)).toBe(403);
    expect(answer).toContain("--allow-host");
  });

  test("refuses a request without a Host, with two of them, and with a whole URL as its target", async () => {
    expect(status(await raw(port, "GET /metrics HTTP/1.0\r\n\r\n"))).toBe(403);
    expect(await ask("Host: localhost", "Host: evil.example")).toBe(403);
    expect(await ask("Host: evil.example", "Host: localhost")).toBe(403);
    expect(status(await raw(port, request("http://evil.example/metrics", ["Host: localhost"])))).toBe(400);
    expect(status(await raw(port, request("*", ["Host: localhost"], { method: "OPTIONS" })))).toBe(400);
  });

  test("refuses a foreign Origin, with Sec-Fetch-Site and without, and takes its own", async () => {
    const host = `Host: localhost:${port}`;
    for (const origin of [
      "http://evil.example",
      "https://evil.example",
      `http://localhost:${port + 1}`,
      "http://localhost",
      `http://127.0.0.1:${port}`,
      `http://localhost:${port}.evil.example`,
      "null",
      "",
      "file://",
      `ftp://localhost:${port}`,
    ]) {
      expect(await ask(host, `Origin: ${origin}`), origin).toBe(403);
      expect(await ask(host, `Origin: ${origin}`, "Sec-Fetch-Site: same-origin"), origin).toBe(403);
    }
    expect(await ask(host, `Origin: http://localhost:${port}`, "Origin: http://evil.example")).toBe(403);
    expect(await ask(host, `Origin: http://localhost:${port}`)).toBe(200);
    expect(await ask("Host: demo.example", "Origin: https://demo.example")).toBe(200);
  });

  test("lets no answer be framed, a refusal neither", async () => {
    for (const [target, host] of [
      ["/metrics", "localhost"],
      ["/nothing.html", "localhost"],
      ["/", "localhost"],
      ["/", "evil.example"],
    ] as const) {
      const policies = (await raw(port, request(target, [`Host: ${host}`]))).match(/^content-security-policy: .*$/gim);
      expect(policies?.join(), `${target} of ${host}`).toContain("frame-ancestors 'none'");
    }
  });

  test("takes no body over 1 MiB, said in advance or not", async () => {
    const headers = ["Host: localhost", "Content-Type: application/json"];
    const length = [...headers, `Content-Length: ${mebibyte + 1}`];
    expect(status(await raw(port, request(path, length, { method: "POST" })))).toBe(413);
    const chunk = Buffer.from(`8000\r\n${"x".repeat(0x8000)}\r\n`);
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    let sent = 0;
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("error", () => {});
    const closed = once(socket, "close");
    socket.write(request(path, [...headers, "Transfer-Encoding: chunked"], { method: "POST" }));
    // An endless body: it ends when the server has had enough of it.
    const pour = (): void => {
      if (socket.destroyed || sent > 256 * mebibyte) return;
      sent += chunk.length;
      if (socket.write(chunk)) setImmediate(pour);
      else socket.once("drain", pour);
    };
    pour();
    await closed;
    expect([405, 413, Number.NaN]).toContain(status(answer));
    expect(sent).toBeLessThan(64 * mebibyte);
  });
});

test("X2: the page takes a body of a button, and 1 MiB at most", async () => {
  const listening = await listen(handlers.page, { port: 0 });
  const post = (body: string) =>
    raw(
      listening.port,
      request("/api/rate", ["Host: localhost", `Content-Length: ${body.length}`], { method: "POST", body }),
    );
  expect(status(await post('{"rate":3}'))).toBe(204);
  expect(status(await post(`{"rate":3,"x":"${"y".repeat(mebibyte - 17)}"}`))).toBe(204);
  expect(status(await post(`{"rate":3,"x":"${"y".repeat(mebibyte)}"}`))).toBe(413);
  await listening.close();
});

test("X2: a request to act or to call that makes no sense is refused, and says what to send", async () => {
  const listening = await listen(handlers.page, { port: 0 });
  const post = (path: string, body: string) =>
    raw(listening.port, request(path, ["Host: localhost", `Content-Length: ${body.length}`], { method: "POST", body }));
  for (const body of [
    "",
    "x",
    "[]",
    "null",
    '{"server":1}',
    '{"server":"a","tool":"b","args":[]}',
    '{"server":"a","args":{}}',
  ]) {
    const answer = await post("/api/call", body);
    expect(status(answer), body).toBe(400);
    expect(answer).toContain("Send {");
  }
  expect(status(await post("/api/act", '{"server":"nobody","action":"kill"}'))).toBe(400);
  expect(status(await post("/api/act", '{"server":"nobody","action":"explode"}'))).toBe(404);
  expect(await post("/api/call", '{"server":"nobody","tool":"x","args":{}}')).toContain("ERR_MCP_SERVER_NOT_FOUND");
  await listening.close();
});

test("X2: a button cannot be pressed by a page of another site that sends no Origin", async () => {
  const listening = await listen(handlers.page, { port: 0 });
  for (const site of ["cross-site", "same-site"]) {
    const headers = ["Host: localhost", `Sec-Fetch-Site: ${site}`];
    for (const path of ["/api/live", "/api/tools?server=x"])
      expect(status(await raw(listening.port, request(path, headers)))).toBe(403);
    for (const path of ["/api/rate", "/api/act", "/api/call"])
      expect(status(await raw(listening.port, request(path, headers, { method: "POST" })))).toBe(403);
  }
  await listening.close();
});

test("X2: at most 64 streams are open, and one that ends makes room", async () => {
  const listening = await listen(handlers.page, { port: 0 });
  const open = async (): Promise<{ readonly socket: Socket; readonly answer: string }> => {
    const socket = connect(listening.port, "127.0.0.1");
    socket.write(request("/api/live", ["Host: localhost"]));
    const [data] = await once(socket, "data");
    return { socket, answer: String(data) };
  };
  const streams = await Promise.all(Array.from({ length: 64 }, open));
  for (const { answer } of streams) expect(status(answer)).toBe(200);
  const refused = await open();
  expect(status(refused.answer)).toBe(503);
  streams[0]?.socket.destroy();
  // The server learns of the end when its own side of the connection closes.
  for (let next = await open(); status(next.answer) !== 200; next = await open()) next.socket.destroy();
  for (const { socket } of streams) socket.destroy();
  await listening.close();
});

test("X2: the address that a request came in on is a Host too, another one of this machine is not", async () => {
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
  const listening = await listen(handlers.page, { port: 0, host: "127.0.0.2" });
  const ask = async (host: string) =>
    status(await raw(listening.port, request("/metrics", [`Host: ${host}`]), { address: "127.0.0.2" }));
  expect(await ask("127.0.0.2")).toBe(200);
  expect(await ask(`127.0.0.2:${listening.port}`)).toBe(200);
  expect(await ask("127.0.0.3")).toBe(403);
  if (own !== undefined) expect(await ask(own)).toBe(403);
  await listening.close();
});
