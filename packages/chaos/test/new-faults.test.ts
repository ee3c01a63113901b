import { existsSync, readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { faultRules } from "../src/fault-rules.js";
import { type FaultSettings, spawnChaosServer, startChaosServer } from "../src/index.js";
import { askModern, modernCall, modernMessage, openStream, startModern } from "./modern-support.js";
import { entriesOf, isAlive, openBench, RawServer, textOf, until } from "./support.js";

const expectNothing = z.looseObject({});

const initialize = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
};

function post(url: string, message: object, headers: Record<string, string> = {}): Promise<Response> {
  const accept = "application/json, text/event-stream";
  return fetch(url, {
    method: "POST",
    headers: { accept, "content-type": "application/json", ...headers },
    body: JSON.stringify(message),
  });
}

async function openSession(url: string): Promise<Record<string, string>> {
  const opened = await post(url, initialize);
  await opened.text();
  return { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
}

test("every fault names the file that carries it out, and that file knows it", () => {
  const source = (file: string): URL => new URL(`../src/${file}`, import.meta.url);
  const text = readFileSync(source("faults.ts"), "utf8");
  for (const name of Object.keys(faultRules)) {
    const file = new RegExp(`In \`([\\w/.-]+)\`\\. \\*/\\n  readonly ${name}:`).exec(text)?.[1];
    if (file === undefined || !existsSync(source(file))) throw new Error(`${name} names no file`);
    expect([file, readFileSync(source(file), "utf8").includes(name)]).toEqual([file, true]);
  }
});

test.each([
  ["404", 404, "application/json", null, -32001],
  ["404-text", 404, "text/plain", undefined, undefined],
  ["404-id", 404, "application/json", 7, -32000],
  ["400", 400, "application/json", null, -32001],
  ["401", 401, "application/json", null, -32001],
  ["503", 503, "application/json", null, -32001],
  ["200-null", 200, "application/json", null, -32001],
  ["200-id", 200, "application/json", 7, -32000],
] as const)("M3: a lost session is announced as %s", async (lostSession, status, type, id, code) => {
  await using server = await startChaosServer({ faults: { lostSession } });
  const session = await openSession(server.url);
  server.forgetSessions();
  const reply = await post(server.url, { jsonrpc: "2.0", id: 7, method: "ping" }, session);
  expect([reply.status, reply.headers.get("content-type"), reply.headers.get("www-authenticate")]).toEqual([
    status,
    type,
    null,
  ]);
  const text = await reply.text();
  if (code === undefined) expect(text).toBe("Session not found");
  else expect(JSON.parse(text)).toMatchObject({ id, error: { code } });
  expect(entriesOf(server.journal(), "fault")).toMatchObject([
    { fault: "lostSession", detail: `${lostSession} to ping` },
  ]);
});

test("M3: a server of one session refuses a further initialize with 400, until the session is gone", async () => {
  await using server = await startChaosServer({ faults: { singleSession: true } });
  const session = await openSession(server.url);
  expect((await post(server.url, initialize)).status).toBe(400);
  await fetch(server.url, { method: "DELETE", headers: session });
  expect((await post(server.url, initialize)).status).toBe(200);
  expect(entriesOf(server.journal(), "fault")).toHaveLength(1);
});

test("M3: the first GET of a session is refused, the next is not", async () => {
  await using server = await startChaosServer({ faults: { failFirstGet: 404 } });
  const headers = { accept: "text/event-stream", ...(await openSession(server.url)) };
  expect((await fetch(server.url, { headers })).status).toBe(404);
  const stream = await fetch(server.url, { headers });
  expect(stream.status).toBe(200);
  await stream.body?.cancel();
  expect((await post(server.url, { jsonrpc: "2.0", id: 1, method: "ping" }, headers)).status).not.toBe(404);
});

test("M6: while it boots nothing is answered, and after a played crash it boots again", async () => {
  await using server = await startChaosServer({ faults: { bootMs: 300 } });
  const start = performance.now();
  expect((await askModern(server, modernCall(1, "readOnly"))).status).toBe(200);
  expect(performance.now() - start).toBeGreaterThan(200);
  const again = performance.now();
  await fetch(server.controlUrl, { method: "POST", body: JSON.stringify({ action: "exit" }) }).catch(() => {});
  await until("it answers again", async () => {
    try {
      return (await askModern(server, modernCall(2, "readOnly"))).status === 200;
    } catch {
      return undefined;
    }
  });
  expect(performance.now() - again).toBeGreaterThan(200);
  expect(entriesOf(server.journal(), "fault").some((entry) => entry.fault === "bootMs")).toBe(true);
});

test("M6: a socket is closed when it is used again", async () => {
  await using server = await startModern({ faults: { closeOnReuse: true } });
  let answered = 0;
  // A client may open a second socket before it uses the first again.
  await until("a socket was used again", async () => {
    const reply = await askModern(server, modernCall(1, "sideEffect", { key: "k" })).catch(() => undefined);
    if (reply !== undefined) answered += 1;
    return reply === undefined;
  });
  expect(entriesOf(server.journal(), "sideEffect")).toHaveLength(answered);
  expect(entriesOf(server.journal(), "fault")).toMatchObject([{ fault: "closeOnReuse" }]);
});

test("M11: pages with fresh cursors, or with one and the same, have no end, and a tool can be listed twice", async () => {
  await using server = await startModern({ faults: { endlessPages: true, duplicateTool: true, pageSize: 20 } });
  const list = async (cursor?: unknown) =>
    (await askModern(server, modernMessage(1, "tools/list", cursor === undefined ? {} : { cursor }))).answer.result ??
    {};
  const cursors: unknown[] = [];
  let last: unknown;
  for (let pages = 0; pages < 30; pages += 1) {
    const result = await list(last);
    expect(result.tools).not.toEqual([]);
    last = result.nextCursor;
    cursors.push(last);
  }
  expect(new Set(cursors).size).toBe(30);
  server.set({ endlessPages: false, repeatCursor: true });
  expect([(await list()).nextCursor, (await list("page-2")).nextCursor]).toEqual(["page-2", "page-2"]);
  server.set({ repeatCursor: false, pageSize: undefined });
  const tools = (await list()).tools as { name: string }[];
  expect(tools.filter(({ name }) => name === "echo")).toHaveLength(2);
  expect(entriesOf(server.journal(), "fault")).toHaveLength(32);
});

describe.each(["json", "sse"] as const)("as %s", (reply) => {
  test.each(["legacy", "modern"] as const)("M7: in the %s era optional members are null", async (protocol) => {
    await using server = await startChaosServer({ protocol, faults: { reply, nullMembers: true } });
    const tools = { id: 1, method: "tools/list" };
    const text =
      protocol === "modern"
        ? JSON.stringify((await askModern(server, modernMessage(1, "tools/list"))).answer)
        : await (await post(server.url, { jsonrpc: "2.0", ...tools }, await openSession(server.url))).text();
    expect(text).toContain('"nextCursor":null');
    expect(text).toContain('"annotations":null');
    expect(entriesOf(server.journal(), "fault")).toContainEqual(
      expect.objectContaining({ fault: "nullMembers", detail: "the answer to 1" }),
    );
  });

  test("M7: event streams begin with a retry", async () => {
    await using server = await startModern({ faults: { reply, sseRetryMs: 77 } });
    const stream = await openStream(server, modernMessage(1, "subscriptions/listen", { notifications: {} }));
    await until("it is acknowledged", () => stream.messages().length === 1);
    expect(stream.state.text.startsWith("retry: 77\n\n")).toBe(true);
    stream.close();
  });
});

test.each([
  ["bom", "\u{feff}{"],
  ["text", "[info] answer: {"],
  ["color", "\u{1b}[32minfo\u{1b}[0m {"],
] as const)("M7: a line can begin with %s", async (linePrefix, begin) => {
  await using server = new RawServer({ faults: { linePrefix, nullMembers: true } });
  server.send(initialize);
  const line = await until("it has answered", () => server.lines[0]);
  expect(line.startsWith(begin)).toBe(true);
  expect(JSON.parse(line.slice(begin.length - 1))).toMatchObject({ id: 0, result: { _meta: null } });
  expect(entriesOf(server.journal(), "fault").map(({ fault }) => fault)).toContain("linePrefix");
});

const floods = ["noise", "log", "ping", "progress", "listChanged", "request", "answer"] as const;

test.each(floods)("M7: a flood of %s runs at its rate for as long as it is set, over stdio and HTTP", async (flood) => {
  const faults: FaultSettings = { flood, floodPerSecond: 2_000 };
  await using stdio = await new RawServer().initialize();
  stdio.call(1, "chaos", { set: faults });
  await until("it is flooded", () => stdio.lines.length > 300);
  stdio.call(2, "chaos", { set: { flood: null } });
  await stdio.answer(2);
  expect(entriesOf(stdio.journal(), "fault").map(({ detail }) => detail)).toEqual([
    `${flood} at 2000 per second`,
    expect.stringMatching(new RegExp(`^${flood}: \\d+ sent$`)),
  ]);
  await using server = await startModern();
  const stream = await openStream(server, modernMessage(1, "subscriptions/listen", { notifications: {} }));
  server.set(faults);
  await until("it is flooded", () => stream.state.text.split("\n\n").length > 300);
  server.set({ flood: undefined });
  const [first] = stream.messages();
  expect(first?.method).toBe("notifications/subscriptions/acknowledged");
  stream.close();
});

test("M5: a child that forks has young children all the time, and one more after SIGTERM; a daemon has no parent", async () => {
  await using server = await new RawServer({ faults: { grandchildForks: true, daemon: true } }).initialize();
  const children = (): number[] => entriesOf(server.journal(), "grandchild").map((entry) => entry.child);
  await until("some are there", () => children().length >= 6);
  const parentOf = (pid: number): number => {
    try {
      return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    } catch {
      return -1;
    }
  };
  const forking = await until("the forking one is found", () => children().find((pid) => parentOf(pid) === server.pid));
  await until("the daemon is found", () =>
    children().some((pid) => ![server.pid, forking, -1].includes(parentOf(pid))),
  );
  process.kill(forking, "SIGTERM");
  const before = children().length;
  await until("there are more", () => children().length > before + 2);
  expect(isAlive(forking)).toBe(true);
  server.child.kill("SIGKILL");
  await server.ended();
  expect(isAlive(forking)).toBe(true);
});

test("M5: a server whose parent died before it could look at it ends by itself", async () => {
  // Its stdin is at its end at once, as it is when the parent dies; it ignores that, and its parent lives.
  await using server = new RawServer({ maxLifeMs: 500, faults: { ignoreEof: true } });
  server.child.stdin?.end();
  expect(await server.ended()).toEqual({ code: null, signal: "SIGKILL" });
});

test("every result carries the replica it came from, in both eras", async () => {
  await using server = await startChaosServer({ faults: { replica: "b" } });
  const modern = await askModern(server, modernCall(1, "echo", { text: "x" }));
  expect(modern.answer.result?._meta).toMatchObject({ "minion-chaos/replica": "b" });
  const legacy = await post(server.url, { jsonrpc: "2.0", id: 1, method: "tools/list" }, await openSession(server.url));
  expect(await legacy.json()).toMatchObject({ result: { _meta: { "minion-chaos/replica": "b" } } });
});

test.each(["stdio", "http-json", "http-sse", "sse"] as const)(
  "M21: over %s there are templates, completion, subscriptions, instructions, every content and tools of the test",
  async (kind) => {
    const inputSchema = { type: "object", properties: { n: { type: "number" } } };
    const extraTools = [
      {
        name: "mine",
        inputSchema,
        outputSchema: { type: "object" },
        result: { content: [], structuredContent: { a: [1, null] } },
      },
      { name: "failing", error: { code: -32_099, message: "as defined", data: { why: 1 } } },
    ];
    await using bench = await openBench(kind, { instructions: "Be kind.", extraTools, lacks: ["prompts"] });
    const { client, call } = bench;
    expect([client.getInstructions(), client.getServerCapabilities()?.prompts]).toEqual(["Be kind.", undefined]);
    expect((await client.listResourceTemplates()).resourceTemplates.map((one) => one.uriTemplate)).toEqual([
      "chaos://text/{word}",
    ]);
    const ref = { type: "ref/resource" as const, uri: "chaos://text/{word}" };
    expect((await client.complete({ ref, argument: { name: "word", value: "al" } })).completion.values).toEqual([
      "alpha",
    ]);
    const updated: unknown[] = [];
    client.fallbackNotificationHandler = async (notification) => {
      if (notification.method === "notifications/resources/updated") updated.push(notification.params?.uri);
    };
    if (kind.startsWith("http")) {
      await until("the standing stream is open", () =>
        entriesOf(bench.journal(), "http").some((entry) => entry.method === "GET"),
      );
    }
    await client.subscribeResource({ uri: "chaos://resource/1" });
    await bench.control({ action: "resourceUpdated", uri: "chaos://resource/0" });
    await bench.control({ action: "resourceUpdated", uri: "chaos://resource/1" });
    await until("it has heard", () => updated.length > 0);
    expect(updated).toEqual(["chaos://resource/1"]);
    await client.unsubscribeResource({ uri: "chaos://resource/1" });
    const types = (await call("content")).content.map((block) => block.type);
    expect(types).toEqual(["text", "image", "audio", "resource_link", "resource", "resource"]);
    expect((await call("mine", { n: 1 })).structuredContent).toEqual({ a: [1, null] });
    await expect(call("failing")).rejects.toMatchObject({ code: -32_099, data: { why: 1 } });
    expect((await client.listTools()).tools.find(({ name }) => name === "mine")).toMatchObject({ inputSchema });
    await expect(client.request({ method: "prompts/list" }, expectNothing)).rejects.toMatchObject({ code: -32_601 });
    expect(textOf(await call("echo", { text: "x" }))).toBe("x");
  },
);

describe("X2: the door", () => {
  /** Any headers, also those that fetch does not let through. */
  const ask = (port: number, headers: Record<string, string>, path = "/control"): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const request = httpRequest({ port, host: "127.0.0.1", path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.once("error", reject).end();
    });

  test("only loopback names, the address of the request and allowed names may be called, and only from there", async () => {
    await using server = await startChaosServer({ allowedHosts: ["chaos.test"] });
    for (const [headers, status] of [
      [{ host: "localhost" }, 200],
      [{ host: "127.0.0.1:1" }, 200],
      [{ host: "[::1]:80" }, 200],
      [{ host: "chaos.test:80" }, 200],
      [{ host: "evil.example" }, 403],
      [{ host: "10.0.0.1" }, 403],
      [{ host: "localhost.evil.example" }, 403],
      [{ host: "127.0.0.1.evil.example" }, 403],
      [{ host: "localhost", origin: "http://localhost:3000" }, 200],
      [{ host: "localhost", origin: "https://chaos.test" }, 200],
      [{ host: "localhost", origin: "https://evil.example" }, 403],
      [{ host: "localhost", origin: "null" }, 403],
      [{ host: "localhost", origin: "https://evil.example", "sec-fetch-site": "same-origin" }, 403],
    ] as const) {
      expect([headers, await ask(server.port, headers)]).toEqual([headers, status]);
    }
    for (const path of ["/mcp", "/sse", "/messages", "/nowhere"])
      expect(await ask(server.port, { host: "evil.example" }, path)).toBe(403);
    expect(entriesOf(server.journal(), "refused").length).toBeGreaterThan(8);
  });

  test("a body of more than 1 MiB is refused with 413, and no page may frame it", async () => {
    await using server = await startChaosServer();
    const body = "x".repeat(1_100_000);
    for (const url of [server.url, server.controlUrl]) {
      const reply = await fetch(url, { method: "POST", body }).catch(() => undefined);
      expect(reply?.status ?? 413).toBe(413);
    }
    expect(entriesOf(server.journal(), "refused").map(({ status }) => status)).toEqual([413, 413]);
    expect((await fetch(server.controlUrl)).headers.get("content-security-policy")).toBe("frame-ancestors 'none'");
  });

  test("a process allows the names it was told", async () => {
    await using server = await spawnChaosServer({ allowedHosts: ["a.test", "b.test"], protocol: "modern" });
    const port = Number(new URL(server.url).port);
    expect([await ask(port, { host: "b.test" }), await ask(port, { host: "c.test" })]).toEqual([200, 403]);
    expect((await askModern(server, modernCall(1, "readOnly"))).status).toBe(200);
  });
});
