import { describe, expect, test } from "vitest";
import { startChaosServer } from "../src/index.js";
import {
  askModern,
  headersOf,
  keys,
  modernCall,
  modernMessage,
  openStream,
  postModern,
  startModern,
} from "./modern-support.js";
import { entriesOf, until } from "./support.js";

const complete = { resultType: "complete", ttlMs: 0, cacheScope: "private" };

describe.each(["json", "sse"] as const)("M19: replies as %s", (reply) => {
  test("M19: discover tells versions, capabilities and instructions, with type, hints and server info", async () => {
    await using server = await startModern({ faults: { reply, instructions: "Be kind." } });
    const { status, headers, answer } = await askModern(server, modernMessage("d", "server/discover"));
    expect([status, headers.get("content-type")]).toEqual([
      200,
      reply === "json" ? "application/json" : "text/event-stream",
    ]);
    expect(answer).toMatchObject({
      id: "d",
      result: { ...complete, supportedVersions: ["2026-07-28"], instructions: "Be kind." },
    });
    expect(answer.result?.capabilities).toEqual({
      tools: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      prompts: { listChanged: true },
      completions: {},
      logging: {},
    });
    expect(answer.result?._meta).toEqual({ [keys.serverInfo]: { name: "minion-chaos", version: "1.0.0" } });
  });

  test("M19: lists, reads, prompts, templates and completion are answered, and calls carry no hints", async () => {
    await using server = await startModern({ faults: { reply, ttlMs: 5_000, cacheScope: "public" } });
    const ask = async (method: string, params = {}) =>
      (await askModern(server, modernMessage(1, method, params))).answer;
    const hints = { resultType: "complete", ttlMs: 5_000, cacheScope: "public" };
    expect((await ask("tools/list")).result).toMatchObject({
      ...hints,
      tools: expect.arrayContaining([expect.objectContaining({ name: "echo" })]),
    });
    expect((await ask("resources/list")).result).toMatchObject({
      ...hints,
      resources: [{ uri: "chaos://resource/0" }, {}],
    });
    expect((await ask("resources/templates/list")).result).toMatchObject({
      ...hints,
      resourceTemplates: [{ uriTemplate: "chaos://text/{word}" }],
    });
    expect((await ask("prompts/list")).result).toMatchObject({ ...hints, prompts: [{ name: "prompt_0" }, {}] });
    expect((await ask("resources/read", { uri: "chaos://text/hello" })).result).toMatchObject({
      ...hints,
      contents: [{ text: "hello" }],
    });
    expect((await ask("resources/read", { uri: "chaos://nowhere" })).error?.code).toBe(-32602);
    const prompt = (await ask("prompts/get", { name: "prompt_1", arguments: { a: "b" } })).result;
    expect(prompt).toMatchObject({ resultType: "complete", messages: [{ content: { text: '{"a":"b"}' } }] });
    const called = (await askModern(server, modernCall(2, "echo", { text: "hello" }))).answer.result;
    expect(called).toMatchObject({ resultType: "complete", content: [{ text: "hello" }] });
    for (const result of [prompt, called]) expect(result).not.toHaveProperty("ttlMs");
    const ref = { type: "ref/prompt", name: "prompt_0" };
    expect((await ask("completion/complete", { ref, argument: { name: "x", value: "b" } })).result).toMatchObject({
      completion: { values: ["beta", "bravo"], total: 2, hasMore: false },
    });
  });

  test("M19: progress comes on the reply before the result, only for a token, and log messages only at a wanted level", async () => {
    await using server = await startModern({ faults: { reply } });
    const progress = await askModern(
      server,
      modernCall(1, "progress", { steps: 3, ms: 0 }, { _meta: { progressToken: 7 } }),
    );
    expect(progress.headers.get("content-type")).toBe("text/event-stream");
    expect(progress.messages.slice(0, 3).map((one) => one.params)).toEqual(
      [1, 2, 3].map((step) => ({ progressToken: 7, progress: step, total: 3 })),
    );
    expect(progress.messages).toHaveLength(4);
    expect((await askModern(server, modernCall(2, "progress", { steps: 3, ms: 0 }))).messages).toHaveLength(1);
    const log = (level: string) =>
      askModern(server, modernCall(3, "log", { level, text: "t" }, { _meta: { [keys.logLevel]: "warning" } }));
    expect((await log("info")).messages).toHaveLength(1);
    expect((await log("error")).messages[0]).toMatchObject({
      method: "notifications/message",
      params: { level: "error" },
    });
    expect((await askModern(server, modernCall(4, "log", { level: "error", text: "t" }))).messages).toHaveLength(1);
  });

  test("M4: the faults of a POST hit the modern era too, before and after the side effect", async () => {
    await using server = await startModern({ faults: { reply } });
    const effects = () => entriesOf(server.journal(), "sideEffect").map((entry) => entry.key);
    server.set({ status: 503, retryAfter: 2, only: "calls", when: "after", times: 1 });
    const refused = await postModern(server, modernCall(1, "sideEffect", { key: "status" }));
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
    server.set({ resetSocket: true, only: "calls", times: 1 });
    await expect(postModern(server, modernCall(2, "sideEffect", { key: "reset" }))).rejects.toThrow("fetch failed");
    server.set({ endStream: true, only: "calls", when: "after", times: 1 });
    expect(await (await postModern(server, modernCall(3, "sideEffect", { key: "end" }))).text()).toBe("");
    expect(effects()).toEqual(["status", "end"]);
    server.set({ only: "discover", status: 429, times: 1 });
    expect((await askModern(server, modernCall(4, "readOnly"))).status).toBe(200);
    expect((await askModern(server, modernMessage(5, "server/discover"))).status).toBe(429);
  });
});

test.each([
  ["no _meta at all", { params: {} }, {}, 400, -32602],
  ["no version in _meta", { meta: { [keys.version]: undefined } }, {}, 400, -32602],
  ["no capabilities in _meta", { meta: { [keys.capabilities]: undefined } }, {}, 400, -32602],
  ["capabilities that are not an object", { meta: { [keys.capabilities]: [] } }, {}, 400, -32602],
  ["an unknown log level", { meta: { [keys.logLevel]: "loud" } }, {}, 400, -32602],
  ["no version header", {}, { "mcp-protocol-version": undefined }, 400, -32020],
  ["another version in the header", {}, { "mcp-protocol-version": "2025-11-25" }, 400, -32020],
  ["no Mcp-Method", {}, { "mcp-method": undefined }, 400, -32020],
  ["another Mcp-Method", {}, { "mcp-method": "tools/list" }, 400, -32020],
  ["an Mcp-Method in another case", {}, { "mcp-method": "Tools/Call" }, 400, -32020],
  ["no Mcp-Name", {}, { "mcp-name": undefined }, 400, -32020],
  ["another Mcp-Name", {}, { "mcp-name": "add" }, 400, -32020],
  [
    "a version that nobody knows",
    { meta: { [keys.version]: "2099-01-01" } },
    { "mcp-protocol-version": "2099-01-01" },
    400,
    -32022,
  ],
] as const)("M19: %s is refused, and nothing is run", async (_what, change, headers, status, code) => {
  await using server = await startModern();
  const message = modernCall(9, "sideEffect", { key: "k" }, "meta" in change ? { _meta: change.meta } : {});
  const sent = "params" in change ? { ...message, params: { name: "sideEffect", arguments: { key: "k" } } } : message;
  const reply = await askModern(server, JSON.parse(JSON.stringify(sent)), headers);
  expect([reply.status, reply.answer.id, reply.answer.error?.code]).toEqual([status, 9, code]);
  if (code === -32022) expect(reply.answer.error?.data).toEqual({ supported: ["2026-07-28"], requested: "2099-01-01" });
  expect(entriesOf(server.journal(), "sideEffect")).toEqual([]);
  expect(entriesOf(server.journal(), "rejected")).toMatchObject([{ code, method: "tools/call" }]);
});

test("M19: a name that is not ASCII comes as base64, and is compared after it is decoded", async () => {
  await using server = await startModern({ faults: { extraTools: [{ name: "工具" }] } });
  const message = modernCall(1, "工具", { a: 1 });
  const coded = `=?base64?${Buffer.from("工具").toString("base64")}?=`;
  expect((await askModern(server, message, { "mcp-name": coded })).answer.result).toMatchObject({
    content: [{ text: '{"a":1}' }],
  });
  for (const wrong of ["=?base64?!!?=", "=?BASE64?5bel5YW3?=", "=?base64?eA==?="]) {
    expect((await askModern(server, message, { "mcp-name": wrong })).answer.error?.code).toBe(-32020);
  }
});

test.each([
  [{ region: "eu", count: 42, dry: false }, { region: "eu", count: "42.0", dry: "false" }, true],
  [{ region: "Zürich" }, { region: `=?base64?${Buffer.from("Zürich").toString("base64")}?=` }, true],
  [{ region: "" }, { region: "" }, true],
  [{ region: "" }, { region: "=?base64??=" }, true],
  [{ region: null }, {}, true],
  [{}, {}, true],
  [{ region: "eu" }, {}, false],
  [{ region: "eu" }, { region: "EU" }, false],
  [{ count: 42 }, { count: "43" }, false],
  [{ count: 0 }, { count: "" }, false],
  [{ dry: true }, { dry: "True" }, false],
  [{}, { region: "eu" }, false],
  [{ region: null }, { region: "null" }, false],
] as const)("M19: arguments %j with headers %j pass: %s", async (args, params, passes) => {
  await using server = await startModern();
  const headers = Object.fromEntries(Object.entries(params).map(([name, value]) => [`mcp-param-${name}`, value]));
  const { status, answer } = await askModern(server, modernCall(1, "region", args), headers);
  expect([status, answer.error?.code]).toEqual(passes ? [200, undefined] : [400, -32020]);
});

test("M19: nested parameters have their headers too, and a tool that changes its headers refuses the old ones", async () => {
  const schema = (header: string) => ({
    type: "object",
    properties: { place: { type: "object", properties: { id: { type: "string", "x-mcp-header": header } } } },
  });
  await using server = await startModern({ faults: { extraTools: [{ name: "nested", inputSchema: schema("Old") }] } });
  const message = modernCall(1, "nested", { place: { id: "x" } });
  expect((await askModern(server, message, { "mcp-param-old": "x" })).status).toBe(200);
  server.set({ extraTools: [{ name: "nested", inputSchema: schema("New") }] });
  expect((await askModern(server, message, { "mcp-param-old": "x" })).answer.error?.code).toBe(-32020);
  expect((await askModern(server, message, { "mcp-param-new": "x" })).status).toBe(200);
});

test("M19: GET and DELETE are 405 with Allow, batches 400, unknown methods 404, unknown tools an answer, and sessions nothing", async () => {
  await using server = await startModern();
  for (const method of ["GET", "DELETE"]) {
    const refused = await fetch(server.url, { method });
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
  }
  const batch = await fetch(server.url, { method: "POST", body: JSON.stringify([modernMessage(1, "tools/list")]) });
  expect([batch.status, await batch.json()]).toMatchObject([400, { id: null, error: { code: -32600 } }]);
  for (const method of ["ping", "logging/setLevel", "resources/subscribe", "toString"]) {
    const unknown = await askModern(server, modernMessage(1, method));
    expect([unknown.status, unknown.answer.error?.code]).toEqual([404, -32601]);
  }
  const tool = await askModern(server, modernCall(1, "nosuch"));
  expect([tool.status, tool.answer.error]).toEqual([200, { code: -32602, message: "Unknown tool: nosuch" }]);
  const session = await askModern(server, modernCall(1, "readOnly"), { "mcp-session-id": "gone" });
  expect(session.status).toBe(200);
  expect(session.headers.get("mcp-session-id")).toBeNull();
  const initialize = await askModern(
    server,
    { jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25" } },
    { "mcp-protocol-version": undefined },
  );
  expect(initialize.answer.error).toMatchObject({
    code: -32022,
    data: { supported: ["2026-07-28"], requested: "2025-11-25" },
  });
  expect((await fetch(server.sseUrl)).status).toBe(404);
});

test("M19: the end of a reply is the cancellation, and is journalled", async () => {
  await using server = await startModern();
  const stop = new AbortController();
  const lost = postModern(server, modernCall("c", "slow", { ms: 600_000 }), {}, stop.signal).catch(() => {});
  await until("the call is there", () => entriesOf(server.journal(), "request").length === 1);
  stop.abort();
  await lost;
  await until("it is cancelled", () => entriesOf(server.journal(), "cancelled").length === 1);
  expect(entriesOf(server.journal(), "cancelled")).toMatchObject([{ tool: "slow", id: "c" }]);
});

test("M19: a subscription is acknowledged first, hears what it asked for, and ends with a result or is cut", async () => {
  await using server = await startModern();
  const notifications = { toolsListChanged: true, resourceSubscriptions: ["chaos://resource/1"] };
  const stream = await openStream(server, modernMessage("s", "subscriptions/listen", { notifications }));
  await until("it is acknowledged", () => stream.messages().length === 1);
  server.listChanged(2);
  server.listChanged(1, "prompts");
  server.resourceUpdated("chaos://resource/0");
  server.resourceUpdated("chaos://resource/1");
  await until("it has heard", () => stream.messages().length === 4);
  server.dropStreams();
  await until("it has ended", () => stream.state.end === "ended");
  const _meta = { [keys.subscription]: "s" };
  expect(stream.messages()).toMatchObject([
    { method: "notifications/subscriptions/acknowledged", params: { notifications, _meta } },
    { method: "notifications/tools/list_changed", params: { _meta } },
    { method: "notifications/tools/list_changed", params: { _meta } },
    { method: "notifications/resources/updated", params: { uri: "chaos://resource/1", _meta } },
    { id: "s", result: { resultType: "complete", _meta } },
  ]);
  const cut = await openStream(server, modernMessage(2, "subscriptions/listen", { notifications }));
  await until("it is acknowledged", () => cut.messages().length === 1);
  server.cutStreams();
  await until("it is cut", () => cut.state.end !== undefined);
  expect(cut.messages()).toHaveLength(1);
  const left = await openStream(server, modernMessage(3, "subscriptions/listen", { notifications }));
  await until("it is acknowledged", () => left.messages().length === 1);
  left.close();
  await until("the server knows", () => entriesOf(server.journal(), "unsubscribed").length === 3);
  expect(entriesOf(server.journal(), "unsubscribed").map(({ id, how }) => [id, how])).toEqual([
    ["s", "graceful"],
    [2, "cut"],
    [3, "client"],
  ]);
});

test("M19: a subscription can be granted nothing, never be acknowledged, be refused, or be cut after a while", async () => {
  await using server = await startModern({ faults: { listen: "empty", listChangedOnInit: 3 } });
  const message = modernMessage(1, "subscriptions/listen", { notifications: { toolsListChanged: true } });
  const empty = await openStream(server, message);
  await until("it is acknowledged", () => empty.messages().length === 1);
  server.listChanged(5);
  expect(empty.messages()).toMatchObject([{ params: { notifications: {} } }]);
  empty.close();
  server.set({ listen: "refuse" });
  expect((await askModern(server, message)).answer.error?.code).toBe(-32603);
  server.set({ listen: "grant", streamLifeMs: 50 });
  const short = await openStream(server, message);
  await until("it is cut", () => short.state.end !== undefined);
  expect(short.messages().map((one) => one.method)).toEqual([
    "notifications/subscriptions/acknowledged",
    ...Array(3).fill("notifications/tools/list_changed"),
  ]);
  server.set({ listen: "silent" });
  const silent = postModern(server, message).catch(() => {});
  await until("it is asked for", () => entriesOf(server.journal(), "request").length === 4);
  expect(entriesOf(server.journal(), "subscribed")).toHaveLength(2);
  server.dropConnections();
  await silent;
});

test("M19: results can lack what the revision asks for, and discover can be unknown or never answered", async () => {
  await using server = await startModern({ faults: { bareResults: true, noDiscover: true } });
  expect(Object.keys((await askModern(server, modernMessage(1, "tools/list"))).answer.result ?? {})).toEqual(["tools"]);
  expect((await askModern(server, modernMessage(2, "server/discover"))).status).toBe(404);
  server.set({ noDiscover: false, hangInitialize: true });
  const hung = postModern(server, modernMessage(3, "server/discover")).catch((error: Error) => error.message);
  await until("it is asked for", () => entriesOf(server.journal(), "request").length === 3);
  server.dropConnections();
  expect(await hung).toBe("fetch failed");
});

test("M19: a dual server answers each client in its era, and only the offered versions; its kind can change at run time", async () => {
  await using server = await startChaosServer({ versions: ["2025-06-18", "2025-03-26"] });
  const initialize = {
    jsonrpc: "2.0",
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } },
  };
  const legacy = { "mcp-protocol-version": undefined, "mcp-method": undefined };
  const opened = await askModern(server, initialize, legacy);
  expect(opened.answer.result?.protocolVersion).toBe("2025-06-18");
  const session = opened.headers.get("mcp-session-id") ?? "";
  const ping = { jsonrpc: "2.0", id: 1, method: "ping", params: {} };
  expect(
    (await askModern(server, ping, { ...legacy, "mcp-session-id": session, "mcp-protocol-version": "2025-06-18" }))
      .status,
  ).toBe(200);
  expect(
    (await askModern(server, ping, { ...legacy, "mcp-session-id": session, "mcp-protocol-version": "2025-11-25" }))
      .status,
  ).toBe(400);
  const discover = await askModern(server, modernMessage(2, "server/discover"));
  expect(discover.answer.result?.supportedVersions).toEqual(["2026-07-28", "2025-06-18", "2025-03-26"]);
  expect((await fetch(server.url, { headers: { "mcp-protocol-version": "2026-07-28" } })).status).toBe(405);
  server.set({ protocol: "legacy" });
  expect((await askModern(server, modernMessage(3, "server/discover"))).status).toBe(400);
  server.set({ protocol: "modern" });
  expect((await askModern(server, initialize, legacy)).answer.error?.code).toBe(-32022);
});

test("M19: notifications are accepted and journalled without any header", async () => {
  await using server = await startModern();
  const message = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } };
  const headers = headersOf({ method: "", params: {} });
  expect((await fetch(server.url, { method: "POST", headers, body: JSON.stringify(message) })).status).toBe(202);
  expect(entriesOf(server.journal(), "notification")).toMatchObject([{ method: "notifications/cancelled" }]);
});
