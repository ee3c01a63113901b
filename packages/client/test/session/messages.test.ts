import { getEventListeners, setMaxListeners } from "node:events";
import { type FaultSettings, startChaosServer } from "@minion/chaos";
import { describe, expect, onTestFinished, test } from "vitest";
import { Failure } from "../../src/session/failure.js";
import type { OpenConnectionOptions } from "../../src/session/open-connection.js";
import { type TransportName, transports } from "./fault-runner.js";
import { chaosStdio, open, rejection, until } from "./support.js";

const timeout = 30_000;
const never = new AbortController().signal;

interface Server {
  readonly target: OpenConnectionOptions["target"];
  journal(): readonly { readonly event: string; readonly tool?: string | undefined }[];
}

async function serve(transport: TransportName, faults: FaultSettings = {}): Promise<Server> {
  if (transport === "stdio") return chaosStdio({ faults });
  const server = await startChaosServer({
    protocol: "legacy",
    faults: { ...faults, reply: transport === "http, SSE replies" ? "sse" : "json" },
  });
  onTestFinished(() => server.close());
  const target: OpenConnectionOptions["target"] =
    transport === "sse" ? { type: "sse", url: server.sseUrl } : { url: server.url };
  return { target, journal: () => server.journal() };
}

// A reply in JSON has no room for anything but the result.
describe.each(transports.filter((transport) => transport !== "http, JSON replies"))(
  "streaming over %s",
  (transport) => {
    test("M13: all progress comes before the result, also what comes with it", { timeout }, async () => {
      const { call } = await open((await serve(transport)).target);
      const seen: unknown[] = [];
      const result = await call(
        "progress",
        { steps: 50, ms: 0 },
        { onProgress: ({ progress }) => seen.push(progress) },
      );
      expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
      expect(result).toMatchObject({ content: [{ text: "50 steps" }] });
    });
  },
);

describe.each(transports)("over %s", (transport) => {
  test("M13: a progress callback that throws changes nothing", { timeout }, async () => {
    const { call } = await open((await serve(transport)).target);
    const onProgress = (): never => {
      throw new Error("of the application");
    };
    await expect(call("progress", { steps: 2, ms: 0 }, { onProgress })).resolves.toMatchObject({
      content: [{ text: "2 steps" }],
    });
  });

  test("M2: abort rejects with the caller's reason at once and tells the server", { timeout }, async () => {
    const { target, journal } = await serve(transport);
    const { call } = await open(target);
    const controller = new AbortController();
    const hanging = rejection(call("hang", {}, { signal: controller.signal }));
    await until(
      () => journal().some((entry) => entry.event === "request" && entry.tool === "hang"),
      "the call arrives",
    );
    const reason = { why: "the caller's own" };
    controller.abort(reason);
    expect(await hanging).toBe(reason);
    await until(() => journal().some((entry) => entry.event === "cancelled"), "the server is told");
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    await expect(call("echo", { text: "still there" })).resolves.toMatchObject({ content: [{ text: "still there" }] });
  });

  test("M2: an aborted signal sends nothing, and 50 calls leave no listener on a long-lived one", {
    timeout,
  }, async () => {
    const { target, journal } = await serve(transport);
    const { call } = await open(target);
    expect(await rejection(call("echo", { text: "a" }, { signal: AbortSignal.abort("no") }))).toBe("no");
    const controller = new AbortController();
    setMaxListeners(0, controller.signal);
    await Promise.all(Array.from({ length: 50 }, () => call("add", { a: 1, b: 2 }, { signal: controller.signal })));
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    controller.abort();
    await call("readOnly");
    expect(journal().filter((entry) => entry.event === "cancelled")).toEqual([]);
    expect(journal().filter((entry) => entry.tool === "echo")).toEqual([]);
  });

  test("M13: results pass as the server sent them; a JSON-RPC error is the SDK's own", { timeout }, async () => {
    const { call, connection } = await open(
      (await serve(transport, { malformedTool: true, uncompilableSchema: true })).target,
    );
    await expect(call("structured")).resolves.toEqual({
      content: [{ type: "text", text: '{"sum":3}' }],
      structuredContent: { sum: 3 },
    });
    await expect(call("badStructured")).resolves.toMatchObject({ structuredContent: { sum: "three" } });
    const list = await connection.send({ method: "tools/list" }, { signal: never });
    expect(list).toMatchObject({ tools: expect.arrayContaining([expect.objectContaining({ name: "malformed" })]) });
    const failure = await rejection(call("rpcError", { code: -32_050, message: "as asked" }));
    expect(failure).toMatchObject({ kind: "rpc", delivery: "sent", cause: { name: "McpError", code: -32_050 } });
    await expect(connection.ping(never)).resolves.toBeUndefined();
  });

  test("M13: what the server asks is passed on as it came, with a signal, and the answer goes back", {
    timeout,
  }, async () => {
    const asked: [string, unknown][] = [];
    const { call } = await open(
      (await serve(transport === "http, JSON replies" ? "http, SSE replies" : transport)).target,
      {
        capabilities: { elicitation: {}, sampling: {}, roots: {} },
        onServerRequest: async (method, params, { signal }) => {
          expect(signal).toBeInstanceOf(AbortSignal);
          asked.push([method, params]);
          if (method === "roots/list") return { roots: [{ uri: "file:///a" }] };
          if (method === "sampling/createMessage")
            return { role: "assistant", model: "m", content: { type: "text", text: "said" } };
          return { action: "accept", content: { answer: "yes" } };
        },
      },
    );
    await expect(call("elicit", { message: "well?" })).resolves.toMatchObject({
      content: [{ text: expect.stringContaining("yes") }],
    });
    await expect(call("sample", { prompt: "say" })).resolves.toMatchObject({
      content: [{ text: expect.stringContaining("said") }],
    });
    await expect(call("roots")).resolves.toMatchObject({ content: [{ text: expect.stringContaining("file:///a") }] });
    expect(asked.map(([method]) => method)).toEqual(["elicitation/create", "sampling/createMessage", "roots/list"]);
    expect(asked[0]?.[1]).toMatchObject({ message: "well?", requestedSchema: { type: "object" } });
  });

  test("M13: the signal of a server's request aborts when the connection ends", { timeout }, async () => {
    let asked: AbortSignal | undefined;
    const { call, connection } = await open(
      (await serve(transport === "http, JSON replies" ? "http, SSE replies" : transport)).target,
      {
        capabilities: { elicitation: {} },
        onServerRequest: (_method, _params, { signal }) => {
          asked = signal;
          return new Promise(() => {});
        },
      },
    );
    const calling = rejection(call("elicit", { message: "well?" }));
    await until(() => asked !== undefined, "the server asks");
    await connection.close();
    expect(asked?.aborted).toBe(true);
    expect(await calling).toMatchObject({ kind: "closed", delivery: "sent" });
  });

  test("M13: a request that is not declared, or whose handler rejects, fails on the server's side only", {
    timeout,
  }, async () => {
    const { call } = await open(
      (await serve(transport === "http, JSON replies" ? "http, SSE replies" : transport)).target,
      {
        capabilities: { elicitation: {} },
        onServerRequest: () => Promise.reject(new Error("of the application")),
      },
    );
    await rejection(call("elicit", { message: "well?" }));
    await rejection(call("sample", { prompt: "say" }));
    await expect(call("echo", { text: "hi" })).resolves.toMatchObject({ content: [{ text: "hi" }] });
  });

  test("M8: 200 notifications of a change all arrive, also those of the handshake", { timeout }, async () => {
    const { notifications, call } = await open((await serve(transport, { listChangedOnInit: 3 })).target);
    await call("readOnly");
    await until(
      () => notifications.filter((method) => method === "notifications/tools/list_changed").length === 3,
      "the first three",
    );
    await call("chaos", { action: "listChanged", count: 200 });
    await until(
      () => notifications.filter((method) => method === "notifications/tools/list_changed").length === 203,
      "all of them",
    );
  });

  test("M6: after close() nothing is sent, and calls in flight reject with their delivery", { timeout }, async () => {
    const { target, journal } = await serve(transport);
    const { call, connection, deaths } = await open(target);
    const hanging = rejection(call("hang"));
    await until(() => journal().some((entry) => entry.tool === "hang"), "the call arrives");
    await connection.close();
    expect(await hanging).toMatchObject({ kind: "closed", delivery: "sent" });
    const late = await rejection(call("echo", { text: "late" }));
    expect(late).toBeInstanceOf(Failure);
    expect(late).toMatchObject({ kind: "closed", delivery: "not-sent" });
    expect(deaths).toEqual([]);
    expect(journal().filter((entry) => entry.tool === "echo")).toEqual([]);
  });

  test("M1: onSent tells once when the request is under way", { timeout }, async () => {
    const { call } = await open((await serve(transport)).target);
    let sent = 0;
    await call("echo", { text: "hi" }, { onSent: () => sent++ });
    expect(sent).toBe(1);
  });
});
