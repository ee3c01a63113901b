import { describe, expect, test } from "vitest";
import { type ChaosServer, type FaultSettings, type JournalEntry, startChaosServer } from "../src/index.js";
import { entriesOf, openBench, textOf, until } from "./support.js";

const accept = "application/json, text/event-stream";

/** One MCP session by bare fetch. */
async function openRaw(server: ChaosServer) {
  const post = (message: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(server.url, {
      method: "POST",
      headers: { accept, "content-type": "application/json", ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
    });
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1.0.0" } };
  const opened = await post({ id: 0, method: "initialize", params });
  await opened.text();
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id") ?? "" };
  const call = (id: number, name: string, args: object = {}): Promise<Response> =>
    post({ id, method: "tools/call", params: { name, arguments: args } }, session);
  return { post, call, session };
}

function effects(journal: readonly JournalEntry[]): string[] {
  return entriesOf(journal, "sideEffect").map((entry) => entry.key);
}

describe.each(["json", "sse"] as const)("replies as %s", (reply) => {
  test.each([429, 503, 500, 502, 504, 401, 403] as const)(
    "M4: %i comes before the side effect, as often as told, with Retry-After where told",
    async (status) => {
      await using server = await startChaosServer({ faults: { reply } });
      const { call } = await openRaw(server);
      server.set({ status, retryAfter: 3, only: "calls", times: 2 });
      const first = await call(1, "sideEffect", { key: "1" });
      expect([first.status, first.headers.get("retry-after")]).toEqual([status, "3"]);
      expect(first.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
      server.set({ retryAfter: undefined });
      const second = await call(2, "sideEffect", { key: "2" });
      expect([second.status, second.headers.get("retry-after")]).toEqual([status, null]);
      expect((await call(3, "sideEffect", { key: "3" })).status).toBe(200);
      expect(effects(server.journal())).toEqual(["3"]);
    },
  );

  test("M4: a refusal after the side effect", async () => {
    await using server = await startChaosServer({ faults: { reply } });
    const { call } = await openRaw(server);
    server.set({ status: 502, when: "after", only: "calls" });
    expect((await call(1, "sideEffect", { key: "1" })).status).toBe(502);
    expect(effects(server.journal())).toEqual(["1"]);
  });

  test("M4: a reset of the socket, before and after the side effect", async () => {
    await using server = await startChaosServer({ faults: { reply } });
    const { call } = await openRaw(server);
    for (const when of ["before", "after"] as const) {
      server.set({ resetSocket: true, when, only: "calls", times: 1 });
      await expect(call(1, "sideEffect", { key: when })).rejects.toMatchObject({ cause: { code: "ECONNRESET" } });
    }
    expect(effects(server.journal())).toEqual(["after"]);
  });

  test("M1: a reply that ends without the answer", async () => {
    await using server = await startChaosServer({ faults: { reply } });
    const { call } = await openRaw(server);
    for (const when of ["before", "after"] as const) {
      server.set({ endStream: true, when, only: "calls", times: 1 });
      const lost = await call(1, "sideEffect", { key: when });
      expect([lost.status, await lost.text()]).toEqual([200, ""]);
      expect(lost.headers.get("content-type")).toBe(reply === "sse" ? "text/event-stream" : "application/json");
    }
    expect(effects(server.journal())).toEqual(["after"]);
  });

  test("M1: a reply that stays open without the answer until the connection is dropped", async () => {
    await using server = await startChaosServer({ faults: { reply } });
    const { call } = await openRaw(server);
    server.set({ holdStream: true, when: "after", only: "calls", times: 1 });
    const held = await call(1, "sideEffect", { key: "1" });
    const body = held.text().catch((error: Error) => error.message);
    await until("the side effect is done", () => effects(server.journal()).length === 1);
    server.dropConnections();
    expect(await body).toBe("terminated");
  });

  test("M6: a crash in this process drops every connection and session", async () => {
    await using bench = await openBench(reply === "json" ? "http-json" : "http-sse");
    const lost = bench.call("crash", { when: "after", key: "k" });
    if (reply === "json") await expect(lost).rejects.toMatchObject({ cause: { code: "UND_ERR_SOCKET" } });
    else lost.catch(() => {}); // The bare client never learns that its stream has ended.
    await until("it is done", () => effects(bench.journal()).length === 1);
    // The effect is journalled before the crash: a call in between loses its socket.
    await until("its session is no more", async () => {
      const error: unknown = await bench.call("echo", { text: "x" }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      return error instanceof Error && "code" in error && error.code === 404;
    });
  });

  test("M7: replies come in pieces of any size", async () => {
    await using bench = await openBench(reply === "json" ? "http-json" : "http-sse", { chunkBytes: 3 });
    expect(textOf(await bench.call("echo", { text: "zwölf Boxkämpfer 🥊" }))).toBe("zwölf Boxkämpfer 🥊");
  });

  test("M7: a reply of 20 MB arrives whole", async () => {
    await using bench = await openBench(reply === "json" ? "http-json" : "http-sse");
    expect(textOf(await bench.call("big", { bytes: 20_000_000 }))).toHaveLength(20_000_000);
  });
});

test("M3: a forgotten session is a 404 with JSON-RPC -32001 on every method, and a new one works", async () => {
  await using server = await startChaosServer();
  const { call, session } = await openRaw(server);
  server.forgetSessions();
  const lost = await call(1, "sideEffect", { key: "1" });
  expect([lost.status, await lost.json()]).toEqual([
    404,
    { jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null },
  ]);
  expect((await fetch(server.url, { headers: { accept, ...session } })).status).toBe(404);
  expect((await fetch(server.url, { method: "DELETE", headers: session })).status).toBe(404);
  expect((await (await openRaw(server)).call(1, "echo", { text: "x" })).status).toBe(200);
  expect(effects(server.journal())).toEqual([]);
});

test("M3: calls under way are answered although their session is forgotten", async () => {
  await using bench = await openBench("http-json");
  const slow = bench.call("slow", { ms: 200 });
  await until("it is there", () => entriesOf(bench.journal(), "request").some((entry) => entry.tool === "slow"));
  bench.server?.forgetSessions();
  expect(textOf(await slow)).toBe("slept 200 ms");
  await expect(bench.call("echo", { text: "x" })).rejects.toMatchObject({ code: 404 });
});

test("M3: a session can be forgotten after so many requests", async () => {
  await using server = await startChaosServer({ faults: { forgetAfter: 2 } });
  const { call } = await openRaw(server);
  const statuses: number[] = [];
  for (const id of [1, 2, 3, 4]) statuses.push((await call(id, "echo", { text: "x" })).status);
  expect(statuses).toEqual([200, 200, 404, 404]);
});

test("M12: an ended session is journalled, and known no more", async () => {
  await using server = await startChaosServer();
  const { call, session } = await openRaw(server);
  expect((await fetch(server.url, { method: "DELETE", headers: session })).status).toBe(200);
  expect(entriesOf(server.journal(), "sessionClosed")).toMatchObject([{ session: session["mcp-session-id"] }]);
  expect((await call(1, "echo", { text: "x" })).status).toBe(404);
});

test("M4: a refusal of all posts hits initialize and pings, and calls alone where told", async () => {
  await using server = await startChaosServer({ faults: { status: 503 } });
  await expect(
    openRaw(server)
      .then(({ call }) => call(1, "echo"))
      .then((reply) => reply.status),
  ).resolves.toBe(503);
  server.set({ status: undefined });
  const { post, session } = await openRaw(server);
  server.set({ status: 503, only: "calls" });
  expect((await post({ id: 1, method: "ping" }, session)).status).toBe(200);
  server.set({ only: undefined });
  expect((await post({ id: 1, method: "ping" }, session)).status).toBe(503);
  expect((await post({ method: "notifications/initialized" }, session)).status).toBe(503);
  server.reset();
  expect((await post({ id: 1, method: "ping" }, session)).status).toBe(503);
});

test("M1: a reply without end spares notifications: they have none", async () => {
  await using server = await startChaosServer();
  const { post, session } = await openRaw(server);
  server.set({ endStream: true, times: 1 });
  expect((await post({ method: "notifications/initialized" }, session)).status).toBe(202);
  expect(await (await post({ id: 1, method: "ping" }, session)).text()).toBe("");
  expect(await (await post({ id: 1, method: "ping" }, session)).json()).toMatchObject({ result: {} });
});

test("M6: standing streams are ended, limited in life, or refused", async () => {
  await using server = await startChaosServer({ faults: { listChangedOnInit: 1 } });
  const { session } = await openRaw(server);
  const get = (): Promise<Response> => fetch(server.url, { headers: { accept, ...session } });
  const first = await get();
  server.dropStreams();
  expect(await first.text()).toContain("notifications/tools/list_changed");
  server.set({ streamLifeMs: 20 });
  const second = await until("the first is closed", async () => {
    const reply = await get();
    return reply.status === 200 && reply;
  });
  expect(await second.text()).toBe("");
  server.set({ noGetStream: true });
  expect((await get()).status).toBe(405);
});

test("M3: what is not MCP is refused as real servers do", async () => {
  await using server = await startChaosServer();
  const { post } = await openRaw(server);
  expect((await post({ id: 1, method: "tools/list" })).status).toBe(400);
  const headers = { accept, "content-type": "application/json" };
  expect((await fetch(server.url, { method: "POST", headers, body: "{" })).status).toBe(400);
  expect((await fetch(server.url, { method: "POST", headers, body: "[1, null]" })).status).toBe(400);
  expect((await fetch(server.url, { method: "PUT" })).status).toBe(405);
  expect((await fetch(`${server.url}x`)).status).toBe(404);
});

test("M10: every socket is journalled with the number now open", async () => {
  await using server = await startChaosServer();
  const { call } = await openRaw(server);
  await Promise.all([1, 2, 3].map(async (id) => (await call(id, "slow", { ms: 50 })).text()));
  expect(Math.max(...entriesOf(server.journal(), "connection").map((entry) => entry.open))).toBeGreaterThanOrEqual(3);
  expect(entriesOf(server.journal(), "http").filter((entry) => entry.tool === "slow")).toHaveLength(3);
});

describe("the old transport", () => {
  const open = (faults: FaultSettings = {}) => openBench("sse", faults);

  test("M4: a POST is refused or reset, before and after the side effect", async () => {
    await using bench = await open();
    for (const when of ["before", "after"] as const) {
      bench.server?.set({ status: 503, when, only: "calls", times: 1 });
      await expect(bench.call("sideEffect", { key: `status ${when}` })).rejects.toThrow("503");
      bench.server?.set({ resetSocket: true, when, only: "calls", times: 1 });
      await expect(bench.call("sideEffect", { key: `reset ${when}` })).rejects.toMatchObject({
        cause: { code: "ECONNRESET" },
      });
    }
    expect(effects(bench.journal())).toEqual(["status after", "reset after"]);
    expect(textOf(await bench.call("echo", { text: "well" }))).toBe("well");
  });

  test("M6: the stream ends in place of the answer", async () => {
    await using bench = await open();
    const closed = until(
      "the stream is closed",
      () => entriesOf(bench.journal(), "http").filter((entry) => entry.path === "/sse").length === 2,
    );
    bench.server?.set({ endStream: true, when: "after", only: "calls", times: 1 });
    bench.call("sideEffect", { key: "1" }).catch(() => {});
    await closed; // EventSource comes again, which proves that the first stream ended.
    expect(effects(bench.journal())).toEqual(["1"]);
  });

  test("M1: an answer is lost while the stream stays open", async () => {
    await using bench = await open();
    bench.server?.set({ holdStream: true, when: "after", only: "calls", times: 1 });
    bench.call("sideEffect", { key: "1" }).catch(() => {});
    await until("it is done", () => effects(bench.journal()).length === 1);
    expect(textOf(await bench.call("echo", { text: "still open" }))).toBe("still open");
  });

  test("M3: a forgotten session is a 404, an unreadable message a 400", async () => {
    await using bench = await open();
    bench.server?.forgetSessions();
    await expect(bench.call("echo", { text: "x" })).rejects.toThrow("404");
    bench.server?.set({ status: 500, times: 1 });
    await expect(bench.call("echo", { text: "x" })).rejects.toThrow("500");
    await using other = await open();
    const id = entriesOf(other.journal(), "initialize")[0]?.session;
    const url = other.server?.sseUrl.replace("/sse", `/messages?sessionId=${id}`) ?? "";
    expect((await fetch(url, { method: "POST", body: '{"id":1}' })).status).toBe(400);
  });

  test("M7: the stream is cut into pieces, and ends after its life", async () => {
    await using bench = await open({ chunkBytes: 5 });
    expect(textOf(await bench.call("echo", { text: "zwölf Boxkämpfer 🥊" }))).toBe("zwölf Boxkämpfer 🥊");
    const texts = ["one", "two", "three", "four"];
    const answers = await Promise.all(texts.map(async (text) => textOf(await bench.call("echo", { text }))));
    expect(answers).toEqual(texts);
    bench.server?.set({ streamLifeMs: 10 });
    const stream = await fetch(bench.server?.sseUrl ?? "");
    expect(await stream.text()).toContain("event: endpoint");
  });
});
