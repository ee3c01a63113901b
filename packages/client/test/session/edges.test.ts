import { PassThrough, Readable } from "node:stream";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { LATEST_PROTOCOL_VERSION, ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { describe, expect, test, vi } from "vitest";
import { orAborted, settledWithin } from "../../src/session/abort.js";
import { Exchange } from "../../src/session/exchange.js";
import { Exchanges } from "../../src/session/exchanges.js";
import { HttpSockets } from "../../src/session/http/http-sockets.js";
import { HttpWire } from "../../src/session/http/http-wire.js";
import { readStart, readWhole } from "../../src/session/http/replies.js";
import { failureOf, isConnectFailure } from "../../src/session/http/status-failure.js";
import { Secrets } from "../../src/session/redact.js";
import { StdioWire } from "../../src/session/stdio/stdio-wire.js";
import { answerEvent, answerStatus, startEvents, startRawServer } from "./raw-server.js";
import { chaosStdio, open, rejection, until } from "./support.js";

const timeout = 30_000;
const never = new AbortController().signal;

function exchanges(): Exchanges {
  return new Exchanges({ secrets: new Secrets(), onNotification: () => {} });
}

/** A stdio server of a few lines, for output that no real one writes. `reply(message)` returns what it prints. */
function scripted(reply: string): { readonly command: string; readonly args: readonly string[] } {
  const script = `
    const answer = (id, result) => JSON.stringify({ result, jsonrpc: "2.0", id });
    const initialized = { protocolVersion: "${LATEST_PROTOCOL_VERSION}", capabilities: {}, serverInfo: { name: "s", version: "1" } };
    require("node:readline").createInterface(process.stdin).on("line", (line) => {
      const message = JSON.parse(line);
      if (message.method === "initialize") console.log(answer(message.id, initialized));
      else if (message.id !== undefined) (${reply})(message, answer);
    });`;
  return { command: process.execPath, args: ["-e", script] };
}

describe("large lines", () => {
  const big = '"x".repeat(200000)';

  test("M7: the id in front leads to the call as well", { timeout }, async () => {
    const reply = `(message) => console.log('{"jsonrpc":"2.0","id":' + message.id + ',"result":{"text":"' + ${big} + '"}}')`;
    const { call, deaths } = await open(scripted(reply), { maxMessageBytes: 100_000 });
    expect(await rejection(call("any"))).toMatchObject({ kind: "too-large", delivery: "sent" });
    expect(deaths).toEqual([]);
  });

  test("M7: an answer whose call cannot be told ends the connection, a notification does not", {
    timeout,
  }, async () => {
    const reply = `(message, answer) => {
      console.log('{"method":"notifications/message","params":{"data":"' + ${big} + '"},"jsonrpc":"2.0"}');
      if (message.params.name === "notice") console.log(answer(message.id, {}));
      else console.log('{"result":{"text":"' + ${big} + '"},"id":' + message.id + ',"jsonrpc":"2.0"}');
    }`;
    const { call, deaths } = await open(scripted(reply), { maxMessageBytes: 100_000 });
    await call("notice");
    expect(await rejection(call("answer"))).toMatchObject({ kind: "too-large", delivery: "sent" });
    expect(deaths).toMatchObject([{ kind: "too-large" }]);
  });

  test("M7: one after all answers costs nothing", { timeout }, async () => {
    const reply = `(message, answer) => { console.log(answer(message.id, {})); console.log(${big}); }`;
    const { call, deaths } = await open(scripted(reply), { maxMessageBytes: 100_000 });
    await call("first");
    await call("second");
    expect(deaths).toEqual([]);
  });
});

describe("what cannot be written as JSON", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;

  test("M4: over stdio it costs a TypeError and nothing else", { timeout }, async () => {
    const { call, deaths } = await open(scripted("(message, answer) => console.log(answer(message.id, {}))"));
    expect(await rejection(call("any", circular))).toBeInstanceOf(TypeError);
    await call("any");
    expect(deaths).toEqual([]);
  });

  test("M4: over HTTP, too", { timeout }, async () => {
    const { url } = await startRawServer();
    const { call, deaths } = await open({ url });
    expect(await rejection(call("any", { number: 1n }))).toBeInstanceOf(TypeError);
    await call("any");
    expect(deaths).toEqual([]);
  });
});

describe("odd answers over stdio", () => {
  test("M2: a call that is given up in the turn it is made is never written", { timeout }, async () => {
    const { call } = await open(
      scripted(
        "(message, answer) => console.log(answer(message.id, { seen: (globalThis.seen ??= []).push(message.method) }))",
      ),
    );
    const controller = new AbortController();
    const given = rejection(call("any", {}, { signal: controller.signal }));
    controller.abort("at once");
    expect(await given).toBe("at once");
    // Neither the call nor a notification of its end.
    expect(await call("any")).toEqual({ seen: 1 });
  });

  test("M7: several messages in one array are as good as several", { timeout }, async () => {
    const reply = `(message, answer) => console.log("[" + answer(message.id, { several: true }) + "]")`;
    const { call } = await open(scripted(reply));
    expect(await call("any")).toEqual({ several: true });
  });

  test("M6: a server that answers and exits has answered", { timeout }, async () => {
    const reply = `(message, answer) => process.stdout.write(answer(message.id, { last: true }) + "\\n", () => process.exit(0))`;
    const { call, deaths } = await open(scripted(reply));
    expect(await call("any")).toEqual({ last: true });
    await until(() => deaths.length === 1, "its end is noticed");
    expect(deaths).toMatchObject([{ kind: "closed", message: "the server's process ended with exit code 0" }]);
  });

  test("M4: what no longer fits into the pipe of a server that dies was not sent", { timeout }, async () => {
    const reply = `() => { process.stdin.pause(); setTimeout(() => process.kill(process.pid, "SIGKILL"), 300); }`;
    const { connection, call } = await open(scripted(reply));
    const first = rejection(call("any"));
    const params = { name: "any", arguments: { text: "x".repeat(5_000_000) } };
    const second = rejection(connection.send({ method: "tools/call", params }, { signal: never }));
    expect(await first).toMatchObject({ kind: "closed", delivery: "sent" });
    expect(await second).toMatchObject({ kind: "closed", delivery: "not-sent" });
  });

  test("M1: an answer that the SDK would ignore is told at once, one with more than it knows is taken", {
    timeout,
  }, async () => {
    const bad = await open(scripted("(message, answer) => console.log(answer(message.id, 5))"));
    expect(await rejection(bad.call("any"))).toMatchObject({ kind: "invalid-result", delivery: "sent" });
    const careless = await open(scripted("(message, answer) => console.log(answer(message.id, { _meta: 5, a: 1 }))"));
    expect(await careless.call("any")).toEqual({ a: 1 });
    const more = await open(
      scripted(`(message, answer) => console.log(answer(message.id, { a: 1 }).replace("{", '{"extra":1,'))`),
    );
    expect(await more.call("any")).toEqual({ a: 1 });
  });

  test("M1: a handshake that is refused or wrong is no connection", { timeout }, async () => {
    const server = (line: string): { command: string; args: string[] } => ({
      command: process.execPath,
      args: [
        "-e",
        `require("node:readline").createInterface(process.stdin).on("line", (line) => console.log(${line}))`,
      ],
    });
    const refusal = server(
      `'{"jsonrpc":"2.0","id":' + JSON.parse(line).id + ',"error":{"code":-32602,"message":"no"}}'`,
    );
    expect(await rejection(open(refusal))).toMatchObject({ kind: "rpc", cause: { code: -32_602 } });
    const old = server(
      `'{"jsonrpc":"2.0","id":' + JSON.parse(line).id + ',"result":{"protocolVersion":"1999","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}'`,
    );
    expect(await rejection(open(old))).toMatchObject({ kind: "connect", delivery: "not-sent" });
    expect(await rejection(open({ command: "no\0program" }))).toMatchObject({ kind: "connect", delivery: "not-sent" });
  });
});

describe("over HTTP", () => {
  test("M7: an answer without a type, or without a body, is no answer", { timeout }, async () => {
    const { url } = await startRawServer({
      post: ({ response, message }) => {
        if (message.method !== "tools/call") return false;
        answerStatus(response, message.params?.name === "empty" ? 204 : 200);
        return true;
      },
    });
    const { call } = await open({ url });
    expect(await rejection(call("empty"))).toMatchObject({ kind: "closed", delivery: "sent" });
    expect(await rejection(call("typeless"))).toMatchObject({ kind: "closed", delivery: "sent" });
  });

  test("M3: a notification that is refused with 404 tells of the lost session too, where the ping after it is refused as well", {
    timeout,
  }, async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        const { method } = exchange.message;
        if (method === "tools/call") return true;
        if (method !== "notifications/cancelled" && method !== "ping") return false;
        answerStatus(exchange.response, 404);
        return true;
      },
    });
    const { call, deaths } = await open({ url });
    const controller = new AbortController();
    let isSent = false;
    const onSent = (): void => {
      isSent = true;
    };
    const calling = rejection(call("any", {}, { signal: controller.signal, onSent }));
    await until(() => isSent, "it is sent");
    controller.abort("given up");
    expect(await calling).toBe("given up");
    await until(() => deaths.length === 1, "the loss is told");
  });

  test("M16: the data of a JSON-RPC error is masked and else as it was", { timeout }, async () => {
    const { url } = await startRawServer({
      post: ({ response, message }) => {
        if (message.method !== "tools/call") return false;
        const error = { code: -32_050, message: "no s3cret-key", data: { tried: ["s3cret-key", 1] } };
        answerStatus(
          response,
          200,
          { "content-type": "application/json" },
          JSON.stringify({ jsonrpc: "2.0", id: message.id, error }),
        );
        return true;
      },
    });
    const { call } = await open({ url, headers: { "x-key": "s3cret-key" } });
    expect(await rejection(call("any"))).toMatchObject({
      kind: "rpc",
      cause: { code: -32_050, data: { tried: ["***", 1] } },
    });
  });

  test("M4: a server that refuses the handshake's end is no connection", { timeout }, async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (exchange.message.method !== "notifications/initialized") return false;
        answerStatus(exchange.response, 403);
        return true;
      },
    });
    expect(await rejection(open({ url }))).toMatchObject({ delivery: "not-sent" });
  });

  test("M6: the rest of a broken reply is not asked for when nobody awaits it; where it cannot be had the call fails", {
    timeout,
  }, async () => {
    let breaks = 0;
    const { url, server, requests } = await startRawServer({
      post: (exchange) => {
        if (exchange.message.method !== "tools/call" || exchange.message.params?.name === "fine") return false;
        startEvents(exchange);
        exchange.response.end(`retry: 300\nid: event-${exchange.message.id}\ndata:\n\n`, () => {
          breaks += 1;
        });
        return true;
      },
    });
    const { call } = await open({ url });
    const controller = new AbortController();
    const ended = rejection(call("any", {}, { signal: controller.signal }));
    await until(() => breaks === 1, "it breaks off");
    for (let turn = 0; turn < 5; turn++) await call("fine");
    controller.abort("given up");
    expect(await ended).toBe("given up");
    const later = performance.now() + 500;
    while (performance.now() < later) await call("fine");
    expect(requests.filter((request) => request.headers["last-event-id"] !== undefined)).toEqual([]);

    const lost = rejection(call("any"));
    await until(() => breaks === 2, "it breaks off");
    server.close();
    server.closeAllConnections();
    expect(await lost).toMatchObject({ kind: "closed", delivery: "sent" });
  });

  test("M7: an answer that follows a long line of events arrives", { timeout }, async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (exchange.message.method !== "tools/call") return false;
        startEvents(exchange);
        exchange.response.end(`${": comment\n\n".repeat(50_000)}${answerEvent(exchange.message.id)}`);
        return true;
      },
    });
    const { call } = await open({ url }, { maxMessageBytes: 10_000 });
    await expect(call("any")).resolves.toMatchObject({ content: [{ text: "fine" }] });
  });

  test("M5: a wire that is closed asks for nothing", { timeout }, async () => {
    const { url, requests } = await startRawServer();
    const sockets = new HttpSockets();
    const wire = (type: "http" | "sse"): HttpWire =>
      new HttpWire({
        server: { url, type },
        kind: type,
        principal: undefined,
        secrets: new Secrets(),
        maxMessageBytes: 1_000,
        sockets,
        send: sockets.send,
      });
    const events = { onMessage: () => {}, onEnded: () => {}, onDoubt: () => {}, onGap: () => {} };
    await wire("http").close(10, { hasty: false });
    const streamable = wire("http");
    await streamable.start(events);
    await streamable.close(10, { hasty: false });
    await rejection(streamable.send({ jsonrpc: "2.0", method: "x" }, undefined));
    await streamable.listen();
    const sse = wire("sse");
    await sse.close(10, { hasty: false });
    await rejection(sse.start(events));
    await sse.listen();
    expect(requests).toEqual([]);
  });
});

describe("parts", () => {
  test("M5: a wire that was never started closes at once", async () => {
    const wire = new StdioWire({
      server: { command: "x" },
      exchanges: exchanges(),
      secrets: new Secrets(),
      maxMessageBytes: 1,
    });
    await wire.ready();
    await wire.close(10, { hasty: true });
    expect(await rejection(wire.send({ jsonrpc: "2.0", method: "x" }, undefined))).toMatchObject({
      kind: "closed",
      delivery: "not-sent",
    });
  });

  test("M2: an abort comes before a promise that is still pending, also one that was before", async () => {
    await expect(orAborted(Promise.resolve(1), never)).resolves.toBe(1);
    await expect(orAborted(new Promise(() => {}), AbortSignal.abort("before"))).rejects.toBe("before");
    await settledWithin(Promise.reject(new Error("x")), 1_000);
    await settledWithin(new Promise(() => {}), 1);
  });

  test("M7: a body may be missing, too large, or break off", async () => {
    expect(await readWhole(Readable.from([]), 4)).toEqual(Buffer.from(""));
    expect(await readWhole(Readable.from([Buffer.from("12"), Buffer.from("34")]), 4)).toEqual(Buffer.from("1234"));
    expect(await readWhole(Readable.from([Buffer.from("12345")]), 4)).toBeUndefined();
    const broken = new PassThrough();
    const reading = rejection(readWhole(broken, 4));
    broken.destroy();
    expect(await reading).toMatchObject({ message: "the answer broke off" });
    const long = Readable.from(["x".repeat(200), "y".repeat(200), "z"].map((text) => Buffer.from(text)));
    expect(await readStart(long, 300)).toBe("x".repeat(200) + "y".repeat(200));
    expect(await readStart(Readable.from([]), 300)).toBe("");
  });

  test("M1: words that never come are not waited for", async () => {
    vi.useFakeTimers();
    try {
      const words = readStart(new PassThrough(), 300);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await words).toBe("");
    } finally {
      vi.useRealTimers();
    }
  });

  test.each([
    [{ code: "CERT_HAS_EXPIRED" }, true],
    [{ code: "ERR_TLS_CERT_ALTNAME_INVALID" }, true],
    [{ code: "ERR_SSL_WRONG_VERSION_NUMBER" }, true],
    [{ code: "ETIMEDOUT", syscall: "connect" }, true],
    [{ cause: { cause: { code: "ENOTFOUND" } } }, true],
    [{ code: "ECONNRESET", syscall: "read" }, false],
    [{ code: 5 }, false],
    ["text", false],
  ])("M4: %j means nothing was sent: %s", (error, expected) => {
    expect(isConnectFailure(error)).toBe(expected);
  });

  test("M4: an answer that was seen on the wire decides, whatever the SDK makes of it", () => {
    const answered = (how: "result" | "error"): Exchange => {
      const exchange = new Exchange({ onFailed: () => {} });
      exchange.answered(how);
      return exchange;
    };
    expect(failureOf("text", answered("error"), { hasSession: false })).toMatchObject({ kind: "rpc", message: "text" });
    expect(failureOf({ status: 500 }, answered("result"), { hasSession: false })).toMatchObject({
      kind: "invalid-result",
    });
    const open = new Exchange({ onFailed: () => {} });
    expect(failureOf({ code: 404 }, open, { hasSession: false })).toMatchObject({ kind: "http", status: 404 });
  });

  test("M4: messages of the owner of a session pass, its failures too", async () => {
    const client = new Client({ name: "test", version: "1.0.0" });
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    theirs.onmessage = (message) => {
      if ("method" in message && message.method === "initialize" && "id" in message) {
        const result = {
          protocolVersion: LATEST_PROTOCOL_VERSION,
          capabilities: {},
          serverInfo: { name: "s", version: "1" },
        };
        void theirs.send({ jsonrpc: "2.0", id: message.id, result });
      }
    };
    await theirs.start();
    await client.connect(ours);
    const { connection } = await open({ connect: async () => client });
    ours.send = () => Promise.reject(new Error("broken"));
    const again = await open({ connect: async () => client });
    await rejection(client.request({ method: "any" }, ResultSchema));
    await rejection(client.notification({ method: "notifications/initialized" }));
    expect(await rejection(again.connection.send({ method: "any" }, { signal: never }))).toMatchObject({
      kind: "closed",
      delivery: "sent",
    });
    await connection.close();
  });

  test("M13: what is not declared is not answered", { timeout }, async () => {
    const { call } = await open(chaosStdio().target, {
      capabilities: { roots: {} },
      onServerRequest: async () => ({ roots: [] }),
    });
    await rejection(call("elicit", { message: "well?" }));
    expect(await call("roots")).toMatchObject({ content: [{ text: expect.stringContaining("roots") }] });
  });

  test("M1: Infinity is no limit", { timeout }, async () => {
    const { call, connection } = await open(chaosStdio().target, { connectTimeoutMs: Number.POSITIVE_INFINITY });
    const params = { name: "progress", arguments: { steps: 2, ms: 0 }, _meta: { kept: true } };
    const seen: unknown[] = [];
    await connection.send(
      { method: "tools/call", params },
      { signal: never, onProgress: (progress) => seen.push(progress) },
    );
    await connection.send({ method: "ping" }, { signal: never, onProgress: () => {} });
    expect(seen).toHaveLength(2);
    await call("echo", { text: "hi" });
  });
});
