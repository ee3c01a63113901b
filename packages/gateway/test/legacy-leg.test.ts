import { startChaosServer } from "@minion/chaos";
import { expect, test, vi } from "vitest";
import { answerOf, startGateway } from "./support.js";

const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const list = { jsonrpc: "2.0", id: 1, method: "tools/list" };

async function start() {
  const chaos = await startChaosServer();
  const { url, gateway } = await startGateway({ chaos: { url: chaos.url } });
  await vi.waitFor(() => expect(gateway.status().ready).toBe(true), 20_000);
  const send = (body: unknown, headers: Record<string, string> = json): Promise<Response> =>
    fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return { chaos, url, send, [Symbol.asyncDispose]: () => chaos[Symbol.asyncDispose]() };
}

/** The messages of a stream of events. */
const eventsOf = (text: string): unknown[] =>
  [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data));

test("G9: a response alone is JSON; with progress, and in a batch, it is an event of a stream, progress first", async () => {
  await using server = await start();
  const call = { name: "mcp_chaos_progress", arguments: { steps: 3, ms: 0 } };
  const alone = await server.send({ jsonrpc: "2.0", id: "a", method: "tools/call", params: call });
  expect(alone.headers.get("content-type")).toBe("application/json");
  expect(await alone.json()).toMatchObject({ id: "a", result: { content: expect.any(Array) } });

  const params = { ...call, _meta: { progressToken: 0 } };
  const stream = await server.send({ jsonrpc: "2.0", id: "b", method: "tools/call", params });
  expect(stream.headers.get("content-type")).toBe("text/event-stream");
  const progress = { method: "notifications/progress", params: { progressToken: 0 } };
  expect(eventsOf(await stream.text())).toMatchObject([
    ...[1, 2, 3].map((step) => ({ ...progress, params: { ...progress.params, progress: step } })),
    { id: "b", result: {} },
  ]);

  const batch = await server.send([
    { ...list, id: 7 },
    { ...list, id: "ping", method: "ping" },
    { ...list, id: 8, method: "x" },
  ]);
  expect(batch.headers.get("content-type")).toBe("text/event-stream");
  const answers = eventsOf(await batch.text());
  expect(answers).toHaveLength(3);
  expect(answers).toContainEqual({ jsonrpc: "2.0", id: "ping", result: {} });
  expect(answers).toContainEqual({ jsonrpc: "2.0", id: 8, error: { code: -32601, message: "Method not found" } });
  expect(answers).toContainEqual(expect.objectContaining({ id: 7, result: expect.anything() }));
});

test("G9: initialize agrees on the revision that the host asks for, and else on the newest that has a handshake", async () => {
  await using server = await start();
  const initialize = async (params: unknown): Promise<unknown> =>
    answerOf(await server.send({ ...list, method: "initialize", params }));
  const known = ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
  for (const protocolVersion of known)
    expect(await initialize({ protocolVersion, capabilities: {} })).toMatchObject({ result: { protocolVersion } });
  for (const protocolVersion of ["2026-07-28", "1999-01-01", ""])
    expect(await initialize({ protocolVersion, capabilities: {} })).toMatchObject({
      result: {
        protocolVersion: "2025-11-25",
        serverInfo: { name: "minion-gateway" },
        capabilities: { tools: { listChanged: true } },
      },
    });
  for (const params of [{}, { protocolVersion: 1 }, undefined])
    expect(await initialize(params)).toMatchObject({ error: { code: -32602 } });
});

test("G18: what is no message of MCP is refused before a server is asked, with a status and words that say why", async () => {
  await using server = await start();
  const before = server.chaos.journal().length;
  const refused = async (status: number, words: RegExp, body: unknown, headers?: Record<string, string>) => {
    const response = await server.send(body, headers);
    const { error } = await answerOf(response);
    expect([response.status, Object(error).message]).toEqual([status, expect.stringMatching(words)]);
  };
  const odd = [
    ...[[[]], {}, 1, null, "tools/list", { ...list, jsonrpc: "1.0" }, { ...list, id: null }, { ...list, id: 1.5 }],
    ...[{ ...list, params: [] }, { ...list, method: 1 }, { ...list, id: {} }, { jsonrpc: "2.0", id: 1 }, [list, {}]],
    ...[
      { jsonrpc: "2.0", id: 1, error: { code: "1", message: "" } },
      { jsonrpc: "2.0", id: 1, result: 1 },
    ],
  ];
  for (const body of odd) await refused(400, /JSON-RPC message|invalid message/, body);
  await refused(
    400,
    /at most 100/,
    Array.from({ length: 101 }, () => list),
  );
  await refused(400, /sent alone/, [
    list,
    { ...list, method: "initialize", params: { protocolVersion: "2025-11-25" } },
  ]);
  await refused(406, /accept both/, list, { ...json, accept: "application/json" });
  await refused(406, /accept both/, list, { ...json, accept: "text/html" });
  await refused(406, /accept both/, list, { ...json, accept: "application/*" });
  await refused(415, /application\/json/, list, { ...json, "content-type": "text/plain" });
  await refused(400, /Supported are 2025-11-25, /, list, { ...json, "mcp-protocol-version": "1999-01-01" });
  await refused(404, /waits for this answer/, { jsonrpc: "2.0", id: "guessed", result: {} });
  expect(server.chaos.journal().slice(before)).toEqual([]);
  const told = await server.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  expect([told.status, await told.text()]).toEqual([202, ""]);
});

test("G9: whoever accepts anything, as most HTTP tools do, accepts JSON and streams", async () => {
  await using server = await start();
  for (const accept of ["*/*", "application/*, text/*", "Application/JSON, text/*;q=0.5", "text/html, */*; q=0.1"]) {
    const answer = await server.send(list, { ...json, accept });
    expect([accept, answer.status]).toEqual([accept, 200]);
  }
  for (const accept of ["*/*", "text/*"]) {
    const stream = await fetch(server.url, { headers: { accept } });
    expect([accept, stream.status]).toEqual([accept, 200]);
    await stream.body?.cancel();
  }
});

test("a result that is no JSON is an error of its own call", async () => {
  const connect = async () => ({
    request: async ({ method }: { method: string }) =>
      method === "tools/call" ? { content: [], structuredContent: { big: 1n } } : { tools: [] },
    callTool: async () => ({ content: [] }),
    listTools: async () => ({ tools: [] }),
    close: async () => {},
    getServerCapabilities: () => ({ tools: {} }),
  });
  const { url } = await startGateway({ own: { connect } });
  const params = { name: "mcp_own_odd", arguments: {} };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
  expect(await answerOf(await fetch(url, { method: "POST", headers: json, body }))).toHaveProperty("error");
});
