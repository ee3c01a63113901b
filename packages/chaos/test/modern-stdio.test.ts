import { expect, test } from "vitest";
import type { ChaosCommandOptions } from "../src/index.js";
import { keys, modernCall, modernMessage } from "./modern-support.js";
import { entriesOf, RawServer, until } from "./support.js";

function start(options: ChaosCommandOptions = {}): RawServer {
  return new RawServer(options);
}

test("M19: over stdio the first message decides the era of a dual server", async () => {
  await using modern = start();
  modern.send(modernMessage(1, "server/discover"));
  expect(await modern.answer(1)).toMatchObject({
    result: { resultType: "complete", supportedVersions: expect.arrayContaining(["2026-07-28", "2024-11-05"]) },
  });
  modern.send({ id: 2, method: "initialize", params: { protocolVersion: "2025-11-25" } });
  expect(await modern.answer(2)).toMatchObject({ error: { code: -32022, data: { requested: "2025-11-25" } } });
  modern.send({ id: 3, method: "tools/list", params: {} });
  expect(await modern.answer(3)).toMatchObject({ error: { code: -32602 } });
  await using legacy = await start().initialize();
  legacy.send(modernMessage(1, "server/discover"));
  expect(await legacy.answer(1)).toMatchObject({ error: { code: -32601 } });
  await using only = start({ protocol: "legacy", versions: ["2024-11-05"] });
  only.send(modernMessage(1, "server/discover"));
  expect(await only.answer(1)).toMatchObject({ error: { code: -32601 } });
  only.send({
    id: 2,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x", version: "1" } },
  });
  expect(await only.answer(2)).toMatchObject({ result: { protocolVersion: "2024-11-05" } });
});

test("M19: over stdio calls, progress, cancellation and input_required work without any header", async () => {
  await using server = start({ protocol: "modern" });
  server.send(modernCall(1, "progress", { steps: 2, ms: 0 }, { _meta: { progressToken: "p" } }));
  await server.answer(1);
  expect(server.messages().map((one) => one.method ?? one.id)).toEqual([
    "notifications/progress",
    "notifications/progress",
    1,
  ]);
  server.send(modernCall(2, "roots", {}, {}, { roots: {} }));
  const asked = (await server.answer(2)).result as Record<string, unknown>;
  expect(asked).toMatchObject({ resultType: "input_required", inputRequests: { answer: { method: "roots/list" } } });
  server.send(
    modernCall(
      3,
      "roots",
      {},
      { requestState: asked.requestState, inputResponses: { answer: { roots: [] } } },
      { roots: {} },
    ),
  );
  expect(await server.answer(3)).toMatchObject({ result: { content: [{ text: '{"roots":[]}' }] } });
  server.send(modernCall(4, "hang"));
  server.send({ method: "notifications/cancelled", params: { requestId: 4 } });
  await until("it is cancelled", () => entriesOf(server.journal(), "cancelled").length === 1);
  expect(entriesOf(server.journal(), "cancelled")).toMatchObject([{ tool: "hang", id: 4 }]);
  server.send(modernCall(5, "crash", { when: "after", key: "k" }));
  expect((await server.ended()).code).toBe(1);
  expect(entriesOf(server.journal(), "sideEffect")).toMatchObject([{ key: "k" }]);
});

test("M19: over stdio subscriptions are told apart by their ids, end with a result, are called off, and end with the client's word", async () => {
  await using server = start({ protocol: "modern" });
  const listen = (id: string, notifications: object): void =>
    server.send(modernMessage(id, "subscriptions/listen", { notifications }));
  const of = (id: string): unknown[] =>
    server
      .messages()
      .filter((one) => JSON.stringify(one.params)?.includes(`"${keys.subscription}":"${id}"`))
      .map((one) => one.method);
  listen("a", { toolsListChanged: true });
  listen("b", { resourceSubscriptions: ["chaos://resource/0"] });
  await until("both are acknowledged", () => of("a").length + of("b").length === 2);
  server.send(modernCall(1, "chaos", { action: "listChanged", count: 1 }));
  server.send(modernCall(2, "chaos", { action: "resourceUpdated" }));
  await server.answer(2);
  expect([of("a").slice(1), of("b").slice(1)]).toEqual([
    ["notifications/tools/list_changed"],
    ["notifications/resources/updated"],
  ]);
  server.send({ method: "notifications/cancelled", params: { requestId: "b" } });
  await until("b has ended", () => entriesOf(server.journal(), "unsubscribed").length === 1);
  server.send(modernCall(3, "chaos", { action: "dropStreams" }));
  expect(await server.answer("a")).toMatchObject({ result: { _meta: { [keys.subscription]: "a" } } });
  listen("c", {});
  await until("c is acknowledged", () => of("c").length === 1);
  server.send(modernCall(4, "chaos", { action: "cutStreams" }));
  await until("c is called off", () => server.messages().some((one) => one.method === "notifications/cancelled"));
  expect(entriesOf(server.journal(), "unsubscribed").map(({ id, how }) => [id, how])).toEqual([
    ["b", "client"],
    ["a", "graceful"],
    ["c", "cut"],
  ]);
});
