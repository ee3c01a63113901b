import { once, setMaxListeners } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";

import fc from "fast-check";
import { expect, onTestFinished, test, vi } from "vitest";
import { Exchange } from "../../src/session/exchange.js";
import { ConcurrencyLimiter } from "../../src/session/http/concurrency-limiter.js";
import { EventStreamGuard } from "../../src/session/http/event-stream.js";
import { HttpSockets } from "../../src/session/http/http-sockets.js";
import { Replies, readWhole } from "../../src/session/http/replies.js";
import { failureOf } from "../../src/session/http/status-failure.js";
import { answerEvent, answerStatus, startEvents, startRawServer } from "./raw-server.js";
import { open, rejection, temporaryFolder, until } from "./support.js";

const timeout = 30_000;

test("M13: answers to the server carry the configured headers", { timeout }, async () => {
  const answers: (string | undefined)[] = [];
  const { url } = await startRawServer({
    post: (exchange) => {
      if ("result" in exchange.message || "error" in exchange.message) {
        answers.push(String(exchange.request.headers["x-key"]));
        answerStatus(exchange.response, 202);
        return true;
      }
      if (exchange.message.method !== "tools/call") return false;
      startEvents(exchange);
      exchange.response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", id: 7, method: "roots/list" })}\n\n`);
      void until(() => answers.length > 0, "answer").then(() =>
        exchange.response.end(answerEvent(exchange.message.id)),
      );
      return true;
    },
  });
  const { call } = await open(
    { url, headers: { "x-key": "secret-key" } },
    { capabilities: { roots: {} }, onServerRequest: async () => ({ roots: [] }) },
  );
  await call("any");
  expect(answers).toEqual(["secret-key"]);
});

test("M1: an answer whose id is written as a text is one", { timeout }, async () => {
  const { url } = await startRawServer({
    post: (exchange) => {
      if (exchange.message.method !== "tools/call") return false;
      exchange.response.writeHead(200, { "content-type": "application/json" });
      exchange.response.end(
        JSON.stringify({ jsonrpc: "2.0", id: String(exchange.message.id), result: { content: [] } }),
      );
      return true;
    },
  });
  const { call } = await open({ url });
  expect(await call("any")).toEqual({ content: [] });
});

test("M7: a mark of the byte order before an answer is no part of it", { timeout }, async () => {
  const { url } = await startRawServer({
    post: (exchange) => {
      if (exchange.message.method !== "tools/call") return false;
      exchange.response.writeHead(200, { "content-type": "application/json" });
      exchange.response.end(
        `\uFEFF${JSON.stringify({ jsonrpc: "2.0", id: exchange.message.id, result: { content: [] } })}`,
      );
      return true;
    },
  });
  const { call } = await open({ url });
  expect(await call("any")).toEqual({ content: [] });
});

test("M2: notifications whose answer never ends keep no later one back", { timeout }, async () => {
  let cancelled = 0;
  const { url } = await startRawServer({
    post: (exchange) => {
      if (exchange.message.method === "notifications/cancelled") {
        cancelled++;
        startEvents(exchange);
        return true;
      }
      return exchange.message.method === "tools/call";
    },
  });
  const { call } = await open({ url });
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let sent = 0;
  const calls = Array.from({ length: 20 }, () =>
    rejection(call("hang", {}, { signal: controller.signal, onSent: () => sent++ })),
  );
  await until(() => sent === 20, "sent");
  controller.abort();
  await Promise.all(calls);
  await until(() => cancelled === 20, "all told", 5_000);
});

test("M6: a server that switches protocols fails the call at once", { timeout }, async () => {
  const { url } = await startRawServer({
    post: (exchange) => {
      if (exchange.message.method !== "tools/call") return false;
      exchange.request.socket.end("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n");
      return true;
    },
  });
  const { call } = await open({ url });
  expect(await rejection(call("any"))).toMatchObject({ kind: "closed", delivery: "sent" });
});

test("M1: a body that is gone before it is read rejects", async () => {
  const body = new PassThrough();
  body.destroy();
  await once(body, "close");
  await expect(readWhole(body, 10)).rejects.toThrow("broke off");
}, 1_000);

test("M4: a read that fails is no failed connect", () => {
  const exchange = new Exchange({ onFailed: () => {} });
  exchange.markSent();
  for (const code of ["EHOSTUNREACH", "ENETUNREACH"])
    expect(
      failureOf(Object.assign(new Error("x"), { code, syscall: "read" }), exchange, { hasSession: false }),
    ).toMatchObject({ delivery: "sent" });
  expect(
    failureOf(Object.assign(new Error("x"), { code: "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC" }), exchange, {
      hasSession: false,
    }),
  ).toMatchObject({ delivery: "sent" });
});

const closesStdin = `
process.stdin.once("data", (chunk) => {
  const { id } = JSON.parse(String(chunk));
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result: { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "x", version: "1" } } }));
  process.stdin.once("data", () => { process.stdin.pause(); process.stdin.destroy(); try { require("fs").closeSync(0); } catch {} setInterval(() => {}, 1000); });
});
`;
test("M6: calls that wait for a pipe that breaks fail at once", { timeout }, async () => {
  const { call, deaths } = await open({ command: process.execPath, args: ["-e", closesStdin] });
  const big = rejection(call("big", { text: "x".repeat(10_000_000) }));
  await new Promise(setImmediate);
  const next = rejection(call("next"));
  expect(await big).toMatchObject({ kind: "closed", delivery: "not-sent" });
  expect(await next).toMatchObject({ kind: "closed", delivery: "not-sent" });
  await until(() => deaths.length === 1, "it is noticed");
});

test("M7: events are the same however they are cut and ended", async () => {
  const big = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { text: "é€😀" } }, null, 1);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.boolean(),
      fc.array(fc.nat({ max: 200 }), { maxLength: 30 }),
      async (eol, hasBom, cuts) => {
        const text = `${hasBom ? "\uFEFF" : ""}${["event: other", 'data: {"no":1}', "", "event: message", "id: 4", ...big.split("\n").map((l) => `data: ${l}`), "", "data: {}", "", ""].join(eol)}`;
        const bytes = Buffer.from(text);
        const at = [...new Set([0, ...cuts.map((c) => c % bytes.length), bytes.length])].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        const messages: unknown[] = [];
        const replies = new Replies({
          maxMessageBytes: 10_000,
          onMessage: (m) => {
            messages.push(m);
            exchange.answered("result");
          },
        });
        const exchange = new Exchange({ onFailed: () => {} });
        const response = Object.assign(Readable.from(pieces), {
          headers: { "content-type": "text/event-stream" },
          statusCode: 200,
        });
        await replies.read(response as never, {
          exchange,
          hasSession: false,
          signal: new AbortController().signal,
          resume: () => Promise.reject(new Error("no")),
        });
        expect(messages[0]).toEqual(JSON.parse(big));
        if (eol !== "\r") expect(messages).toHaveLength(2);
      },
    ),
  );
});

test("M6: an event that broke off is asked for again", () => {
  for (const eol of ["\n", "\r\n", "\r"]) {
    const text = ["id: 1", "data: a", "", "id: 2", "data: b", "", "id: 3", "", "id: 4", "data: c"].join(eol);
    for (let cut = 0; cut <= text.length; cut++) {
      for (let cut2 = cut; cut2 <= text.length; cut2++) {
        const guard = new EventStreamGuard(1_000);
        guard.push(Buffer.from(text.slice(0, cut)));
        guard.push(Buffer.from(text.slice(cut, cut2)));
        const seen = text.slice(0, cut2);
        const ended = seen.split(eol + eol).length - 1;
        // With CRLF the CR alone ends the line.
        const early = eol === "\r\n" && seen.endsWith("\r\n\r") ? 1 : 0;
        const expected = ended + early === 0 ? undefined : String(ended + early);
        expect([cut, cut2, guard.lastId]).toEqual([cut, cut2, expected]);
      }
    }
  }
});

test("M2: a concurrency limiter keeps its order and its bounds, and gets every place back, whoever leaves when", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ op: fc.constantFrom("enter", "leave", "abort", "both", "tick"), n: fc.nat() }), {
        minLength: 5,
        maxLength: 80,
      }),
      async (ops) => {
        const lane = new ConcurrencyLimiter({ width: 2, maxWidth: 5, slowMs: 1 });
        const waiting = new Map<number, AbortController>();
        const inside = new Map<number, () => void>();
        const order: number[] = [];
        let last = 0;
        const pick = <T>(m: Map<number, T>, n: number): [number, T] | undefined =>
          [...m][m.size === 0 ? 0 : n % m.size];
        for (const { op, n } of ops) {
          if (op === "enter") {
            const id = ++last;
            const c = new AbortController();
            waiting.set(id, c);
            lane.enter(c.signal).then(
              (leave) => {
                if (!waiting.delete(id)) return leave();
                order.push(id);
                inside.set(id, leave);
              },
              () => waiting.delete(id),
            );
          } else if (op === "leave" || op === "both") {
            const one = pick(inside, n);
            if (one) {
              inside.delete(one[0]);
              one[1]();
              one[1]();
            }
            if (op === "both") {
              const w = pick(waiting, n);
              if (w) {
                waiting.delete(w[0]);
                w[1].abort();
              }
            }
          } else if (op === "abort") {
            const w = pick(waiting, n);
            if (w) {
              waiting.delete(w[0]);
              w[1].abort();
            }
          } else await new Promise(setImmediate);
          expect(inside.size).toBeLessThanOrEqual(5);
        }
        await new Promise(setImmediate);
        expect(order).toEqual([...order].sort((a, b) => a - b));
        if (inside.size < 2) expect(waiting.size).toBe(0);
        while (waiting.size > 0 || inside.size > 0) {
          for (const [id, leave] of inside) {
            inside.delete(id);
            leave();
          }
          await new Promise(setImmediate);
        }
        // All places are back.
        const leaves = await Promise.all([
          lane.enter(new AbortController().signal),
          lane.enter(new AbortController().signal),
        ]);
        for (const l of leaves) l();
      },
    ),
    { numRuns: 300 },
  );
});

test("M2: a notification that is never answered ends in the end", { timeout }, async () => {
  const ended: Promise<unknown>[] = [];
  const { url } = await startRawServer({
    post: (exchange) => {
      if (exchange.message.method === "notifications/cancelled") ended.push(once(exchange.request.socket, "close"));
      return exchange.message.method !== "initialize" && exchange.message.method !== "notifications/initialized";
    },
  });
  const { call } = await open({ url });
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  let sent = 0;
  const calls = Array.from({ length: 20 }, () =>
    rejection(call("hang", {}, { signal: controller.signal, onSent: () => sent++ })),
  );
  await until(() => sent === 20, "sent");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  controller.abort();
  await Promise.all(calls);
  while (ended.length < 16) await new Promise(setImmediate);
  vi.advanceTimersByTime(60_000);
  await Promise.all(ended.slice(0, 16));
});

test("M5: a refused standing stream whose body never ends is ended with the connection", { timeout }, async () => {
  let closed: Promise<unknown> = Promise.resolve();
  let asked = false;
  const { url } = await startRawServer({
    get: ({ request, response }) => {
      closed = once(request.socket, "close");
      asked = true;
      response.writeHead(405);
      response.write("no");
    },
  });
  const sockets = new HttpSockets();
  const leave = sockets.use();
  onTestFinished(leave);
  const { connection } = await open({ url }, { sockets });
  await until(() => asked, "asked");
  await connection.close();
  await closed;
});

test("M10: calls that hang at one replica keep none from another", { timeout }, async () => {
  let hung = 0;
  const bad = await startRawServer({
    post: ({ message }) => {
      if (message.method !== "tools/call") return false;
      hung += 1;
      return true;
    },
  });
  const good = await startRawServer();
  const sockets = new HttpSockets();
  const { call } = await open({ url: bad.url }, { sockets });
  const other = await open({ url: good.url }, { sockets });
  const controllers = Array.from({ length: 300 }, () => new AbortController());
  const calls = controllers.map(({ signal }) => rejection(call("hang", {}, { signal })));
  await until(() => hung === 256, "no more fit");
  await other.call("any");
  for (const controller of controllers) controller.abort();
  await Promise.all(calls);
});

const endsAfter = `
const fs = require("fs");
const { LOG, MAX, HOW } = process.env;
let count = 0;
let rest = "";
process.stdin.on("error", () => {});
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line);
    if (method === "initialize") answer(id, { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "x", version: "1" } });
    if (method !== "tools/call") continue;
    fs.appendFileSync(LOG, params.name + " ");
    if (++count < Number(MAX)) continue;
    if (HOW === "kill") process.kill(process.pid, "SIGKILL");
    if (HOW === "exit") process.exit(3);
    process.stdin.destroy();
    try { fs.closeSync(0); } catch {}
    return setInterval(() => {}, 1000);
  }
});
function answer(id, result) {
  console.log(JSON.stringify({ jsonrpc: "2.0", id, result }));
}
`;

for (const how of ["kill", "exit", "close"]) {
  test(`M4: what is said not to be sent was never read (${how})`, { timeout }, async () => {
    // A pipe that is closed is noticed where there is still something to be written.
    for (const size of how === "close" ? [70_000, 200_000] : [10, 70_000, 200_000]) {
      const log = join(temporaryFolder(), "log");
      const env = { LOG: log, MAX: String(1 + (size % 17)), HOW: how };
      const { call } = await open({ command: process.execPath, args: ["-e", endsAfter], env });
      const failures: Promise<[string, unknown]>[] = [];
      for (let count = 0; count < 60; count++) {
        if (count % 12 === 11) await new Promise(setImmediate);
        const name = `call${count}`;
        failures.push(rejection(call(name, { pad: "y".repeat(size) })).then((failure) => [name, failure]));
      }
      const read = new Set<string>();
      const ended = await Promise.all(failures);
      for (const name of readFileSync(log, "utf8").trim().split(" ")) read.add(name);
      for (const [name, failure] of ended)
        if (read.has(name)) expect([name, failure]).toMatchObject([name, { kind: "closed", delivery: "sent" }]);
    }
  });
}
