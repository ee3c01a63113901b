import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer, Agent as HttpAgent, IncomingMessage } from "node:http";
import { type AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Exchange } from "../../src/session/exchange.js";
import { Exchanges } from "../../src/session/exchanges.js";
import { Failure } from "../../src/session/failure.js";
import { ConcurrencyLimiter } from "../../src/session/http/concurrency-limiter.js";
import { EventStreamGuard, EventTooLarge } from "../../src/session/http/event-stream.js";
import { HttpSockets } from "../../src/session/http/http-sockets.js";
import { readEvents } from "../../src/session/http/read-events.js";
import { Replies } from "../../src/session/http/replies.js";
import { StandingStream } from "../../src/session/http/standing-stream.js";
import { parseRetryAfter } from "../../src/session/http/status-failure.js";
import { quietly } from "../../src/session/quietly.js";
import { Secrets } from "../../src/session/redact.js";
import { LineBuffer } from "../../src/session/stdio/line-input.js";
import { familyOf, parsePsLine, parseStat, readProcessTable, readStat } from "../../src/session/stdio/process-table.js";
import { rejection, temporaryFolder } from "./support.js";

const never = new AbortController().signal;

describe("lines", () => {
  function linesOf(pieces: readonly Buffer[], maxBytes = 100): unknown[] {
    const seen: unknown[] = [];
    const buffer = new LineBuffer(maxBytes, {
      line: (text) => seen.push(text),
      tooLong: (head, tail) => seen.push([head, tail]),
    });
    for (const piece of pieces) buffer.push(piece);
    return seen;
  }

  test("M7: are the same however the bytes are cut", () => {
    const bytes = Buffer.from("one\ntwö\r\n\nfour\nfive");
    const whole = linesOf([bytes]);
    expect(whole).toEqual(["one", "twö\r", "", "four"]);
    for (let size = 1; size < bytes.length; size++) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      expect(linesOf(pieces)).toEqual(whole);
    }
  });

  test("M7: one that is too long is skipped in bounded memory, and told by its ends", () => {
    const long = `${"a".repeat(600)}${"b".repeat(600)}`;
    const bytes = Buffer.from(`short\n${long}\nnext\n`);
    const expected = ["short", [long.slice(0, 512), long.slice(-512)], "next"];
    expect(linesOf([bytes], 600)).toEqual(expected);
    const pieces = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    expect(linesOf(pieces, 600)).toEqual(expected);
    expect(linesOf([Buffer.from(`${"a".repeat(100)}\n`)], 100)).toEqual(["a".repeat(100)]);
  });

  test("M7: 50 MB in pieces of 64 KB take time linear in their number", () => {
    const piece = Buffer.alloc(65_536, "x");
    let length = 0;
    const buffer = new LineBuffer(100_000_000, {
      line: (text) => {
        length = text.length;
      },
      tooLong: () => {},
    });
    const startedAt = performance.now();
    for (let count = 0; count < 800; count++) buffer.push(piece);
    buffer.push(Buffer.from("\n"));
    expect(length).toBe(800 * 65_536);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});

describe("streams of events", () => {
  const pushAll = (text: string, size: number, guard = new EventStreamGuard(1_000)): string => {
    const bytes = Buffer.from(text);
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      const lines = guard.push(bytes.subarray(at, at + size));
      if (lines !== undefined) out.push(lines);
    }
    return Buffer.concat(out).toString("utf8");
  };

  test.each(["\n", "\r\n", "\r"])("M7: pass in whole lines, whatever ends them (%j)", (end) => {
    const text = ["data: one", "data: twö", "", "id: 5", "data: x", "", ""].join(end);
    for (let size = 1; size <= text.length; size++) expect(pushAll(text, size)).toBe(text);
  });

  /** The messages in a stream that comes in pieces, and whether they were there before it ended. */
  async function heardOf(pieces: readonly string[], ends: boolean): Promise<unknown[]> {
    const seen: unknown[] = [];
    const message = new IncomingMessage(new Socket());
    const reading = readEvents(message, { maxEventBytes: 1_000, onMessage: (one) => seen.push(one) });
    for (const piece of pieces) {
      message.push(piece);
      await new Promise(setImmediate);
    }
    if (ends) message.push(null);
    else await vi.waitFor(() => expect(seen).not.toEqual([]));
    if (ends) await reading;
    return seen;
  }

  test.each([
    ["returns", ["data: 1\r\r"]],
    ["returns, in pieces", ["data: 1", "\r", "\r"]],
    ["returns and feeds, in pieces", ["data: 1\r", "\n\r", "\n"]],
    ["feeds", ["data: 1\n\n"]],
  ])("M7: an event is heard when its empty line has come, not with what comes next: %s", async (_, pieces) => {
    expect(await heardOf(pieces, false)).toEqual([1]);
  });

  test.each([
    ["returns and feeds, in pieces", ["data: [\r", "\ndata: 1]\r", "\n\r", "\ndata: 2\r\n\r\n"], [[1], 2]],
    ["without the last empty line", ["data: 1\n\ndata: 2\n"], [1, 2]],
    ["without the last line end", ["data: 1\n\ndata: {}"], [1, {}]],
    ["cut within the last message", ['data: 1\n\ndata: {"a'], [1]],
  ])("M7: a stream that has ended is heard to its end: %s", async (_, pieces, messages) => {
    expect(await heardOf(pieces, true)).toEqual(messages);
  });

  test("M6: the latest id is known, and only a line's own", () => {
    const guard = new EventStreamGuard(10_000);
    pushAll('id: first\ndata: {"id":1,"x":"id: no"}\n\nid:second\ndata: id: no\n\nid:\n\n', 5, guard);
    expect(guard.lastId).toBe("second");
    expect(new EventStreamGuard(10).lastId).toBeUndefined();
  });

  test("M7: an event that is too large ends it, in one line or many; many small ones do not", () => {
    expect(() => pushAll(`data: ${"x".repeat(1_001)}`, 100)).toThrow(EventTooLarge);
    expect(() => pushAll(`data: ${"x".repeat(98)}\n`.repeat(11), 50)).toThrow(EventTooLarge);
    const small = `data: ${"x".repeat(98)}\n\n`.repeat(100);
    expect(pushAll(small, 64)).toBe(small);
    expect(() => pushAll(`data: ${"x".repeat(2_000)}\n`, 4_000)).toThrow(EventTooLarge);
  });
});

describe("a concurrency limiter", () => {
  test("lets so many through, the rest in order, and forgets who left", async () => {
    const lane = new ConcurrencyLimiter({ width: 2, maxWidth: 2, slowMs: 10 });
    const [first, second] = [await lane.enter(never), await lane.enter(never)];
    const order: string[] = [];
    const controller = new AbortController();
    const third = lane.enter(never);
    void third.then(() => order.push("third"));
    const given = rejection(lane.enter(controller.signal));
    const fourth = lane.enter(never);
    void fourth.then(() => order.push("fourth"));
    controller.abort("left");
    expect(await given).toBe("left");
    first();
    first();
    const leaveThird = await third;
    expect(order).toEqual(["third"]);
    leaveThird();
    (await fourth)();
    second();
    expect(order).toEqual(["third", "fourth"]);
    await expect(lane.enter(AbortSignal.abort("no"))).rejects.toBe("no");
    const again = await Promise.all([lane.enter(never), lane.enter(never)]);
    expect(again).toHaveLength(2);
  });

  test("who waited goes on before who comes when there is room again", async () => {
    const lane = new ConcurrencyLimiter({ width: 2, maxWidth: 2, slowMs: 10 });
    const leaves = [await lane.enter(never), await lane.enter(never)];
    const order: string[] = [];
    const waiting = lane.enter(never).then(() => order.push("waited"));
    for (const leave of leaves) leave();
    const coming = lane.enter(never).then(() => order.push("came"));
    await Promise.all([waiting, coming]);
    expect(order).toEqual(["waited", "came"]);
  });

  test("M10: who is slow does not count, and where the last ones were slow more are let in at once", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
    try {
      const lane = new ConcurrencyLimiter({ width: 1, maxWidth: 3, slowMs: 100 });
      const inside: (() => void)[] = [];
      const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
      const enter = (): void => void lane.enter(never).then((leave) => inside.push(leave));
      const left = new AbortController();
      for (let count = 0; count < 2; count++) enter();
      const leaving = rejection(lane.enter(left.signal));
      for (let count = 0; count < 3; count++) enter();
      await pass(60);
      left.abort("left");
      expect(await leaving).toBe("left");
      expect(inside).toHaveLength(1);
      await pass(41);
      expect(inside).toHaveLength(2);
      await pass(102);
      expect(inside).toHaveLength(3);
      await pass(10_000);
      expect(inside).toHaveLength(3);
      expect(vi.getTimerCount()).toBe(0);
      // Three were slow: the two that still wait get in at once, and a third beside them.
      for (const leave of inside.splice(0)) leave();
      enter();
      await pass(0);
      expect(inside).toHaveLength(3);
      // Three were quick: one at a time again.
      for (const leave of inside.splice(0)) leave();
      for (let count = 0; count < 2; count++) enter();
      await pass(0);
      expect(inside).toHaveLength(1);
      // Who leaves twice has left once.
      const [leave] = inside.splice(0);
      leave?.();
      leave?.();
      enter();
      await pass(0);
      expect(inside).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("processes", () => {
  test("M5: are read from the system, this one among them", async () => {
    const table = await readProcessTable();
    expect(table.find((entry) => entry.pid === process.pid)).toMatchObject({ parent: process.ppid });
    expect(await readProcessTable("/there-is-no-such-folder")).toEqual([]);
  });

  test("M5: are read with turns between, however many there are", async () => {
    const folder = temporaryFolder();
    for (let pid = 1_000_000_000; pid < 1_000_000_250; pid += 1) mkdirSync(join(folder, String(pid)));
    let isOver = false;
    let turns = 0;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    expect(await readProcessTable(folder)).toEqual([]);
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(2);
  });

  test("M5: a name may hold anything; zombies and what is not to be read do not count", () => {
    const rest = "S 10 20 30 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 1000";
    expect(parseStat(`42 (a) b ((c) ${rest}`)).toEqual({
      pid: 42,
      parent: 10,
      group: 20,
      session: 30,
      startedAt: "777",
    });
    expect(parseStat(`42 (dead) ${rest.replace("S", "Z")}`)).toBeUndefined();
    expect(parseStat("")).toBeUndefined();
    expect(readStat("1000000000")).toBeUndefined();
    const line = "  42    10    20 Ss   Sun Nov 22 10:00:00 2026";
    expect(parsePsLine(line)).toEqual([
      { pid: 42, parent: 10, group: 20, session: 20, startedAt: "Sun Nov 22 10:00:00 2026" },
    ]);
    expect(parsePsLine(line.replace("Ss", "Z+"))).toEqual([]);
    expect(parsePsLine("")).toEqual([]);
  });

  test("M5: a family is what descends, shares a group or a session, or was known", () => {
    const entry = (pid: number, parent: number, group = pid, session = group) => ({
      pid,
      parent,
      group,
      session,
      startedAt: `t${pid}`,
    });
    const table = [
      entry(103, 102, 103),
      entry(1, 0),
      entry(100, 50),
      entry(101, 100, 100),
      entry(102, 101, 102, 100),
      entry(200, 1, 200, 100),
      entry(300, 1),
      entry(301, 300, 301),
      entry(400, 1),
      entry(500, 1),
    ];
    const known = new Map([
      [300, "t300"],
      [400, "an earlier process"],
    ]);
    expect(
      familyOf(100, table, known)
        .map(({ pid }) => pid)
        .sort(),
    ).toEqual([100, 101, 102, 103, 200, 300, 301]);
    const orphaned = table.filter(({ pid }) => pid !== 100);
    expect(
      familyOf(100, orphaned, known)
        .map(({ pid }) => pid)
        .sort(),
    ).toEqual([101, 102, 103, 200, 300, 301]);
  });

  test("M5: elsewhere than on Linux they are asked of ps", async () => {
    const platform = Object.getOwnPropertyDescriptor(process, "platform");
    Object.defineProperty(process, "platform", { value: "darwin" });
    try {
      expect(Array.isArray(await readProcessTable())).toBe(true);
    } finally {
      if (platform !== undefined) Object.defineProperty(process, "platform", platform);
    }
  });
});

describe("Retry-After", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    [null, undefined],
    ["2", 2_000],
    [" 0 ", 0],
    ["999999999", 86_400_000],
    ["Thu, 01 Jan 2026 00:00:07 GMT", 7_000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
  ])("M4: %j means %j ms", (value, expected) => {
    expect(parseRetryAfter(value)).toBe(expected);
  });
});

describe("exchanges", () => {
  const table = (): Exchanges =>
    new Exchanges({
      secrets: new Secrets(),
      onNotification: () => {},
    });

  test("M6: an exchange ends once, and is sent once", () => {
    const failures: Failure[] = [];
    let sent = 0;
    const exchange = new Exchange({ onFailed: (failure) => failures.push(failure), onSent: () => sent++ });
    exchange.markSent();
    exchange.markSent();
    const failure = new Failure("closed", "first", { delivery: "sent" });
    exchange.fail(failure);
    exchange.fail(new Failure("closed", "second", { delivery: "sent" }));
    expect(failures).toEqual([failure]);
    expect(exchange.failure).toBe(failure);
    expect(sent).toBe(1);
  });

  test("M7: what is no message never reaches the SDK", () => {
    const exchanges = table();
    for (const noise of [
      null,
      1,
      "text",
      [],
      {},
      { jsonrpc: "1.0", method: "x" },
      { jsonrpc: "2.0", method: "x", params: 5 },
    ]) {
      expect(exchanges.incoming(noise)).toBeUndefined();
    }
    const notification = { jsonrpc: "2.0", method: "notifications/message", params: { level: "info" } };
    expect(exchanges.incoming(notification)).toBe(notification);
    const unknown = { jsonrpc: "2.0", id: 99, result: {} };
    expect(exchanges.incoming(unknown)).toBe(unknown);
    const strange = { jsonrpc: "2.0", result: {} };
    expect(exchanges.incoming(strange)).toBe(strange);
  });

  test.each([
    [{ error: "text" }, { code: -32_603, message: "text" }],
    [{ error: { code: 1.5, message: "x" } }, { code: -32_603, message: "x" }],
    [{ error: { code: 1 } }, { code: 1, message: '{"code":1}' }],
  ])("M7: an answer of the form %j is an error of the server, and reaches a session as one", (answer, error) => {
    const exchanges = table();
    const exchange = new Exchange({ onFailed: () => {} });
    exchanges.bind(exchange, () => exchanges.outgoing({ jsonrpc: "2.0", id: 7, method: "tools/call" }));
    expect(exchanges.incoming({ jsonrpc: "2.0", id: 7, ...answer })).toEqual({ jsonrpc: "2.0", id: 7, error });
    expect(exchange.answer).toBe("error");
  });

  test.each([{ result: "text" }, { error: true }, { error: 5 }, {}])(
    "M7: an answer of the form %j fails its request",
    (answer) => {
      const exchanges = table();
      const failures: Failure[] = [];
      const exchange = new Exchange({ onFailed: (failure) => failures.push(failure) });
      exchanges.bind(exchange, () => exchanges.outgoing({ jsonrpc: "2.0", id: 7, method: "tools/call" }));
      expect(exchanges.incoming({ jsonrpc: "2.0", id: 7, ...answer })).toMatchObject({
        id: 7,
        error: { code: -32_000 },
      });
      expect(failures).toMatchObject([{ kind: "invalid-result", delivery: "sent" }]);
      expect(exchanges.size).toBe(0);
    },
  );

  test("M13: progress for nobody goes to the SDK, broken progress to nobody", () => {
    const exchanges = table();
    const seen: unknown[] = [];
    const exchange = new Exchange({ onFailed: () => {}, onProgress: (progress) => seen.push(progress) });
    exchanges.bind(exchange, () => exchanges.outgoing({ jsonrpc: "2.0", id: 1, method: "tools/call" }));
    const progress = (params: unknown): unknown => ({ jsonrpc: "2.0", method: "notifications/progress", params });
    const foreign = progress({ progressToken: "other", progress: 1 });
    expect(exchanges.incoming(foreign)).toBe(foreign);
    const nameless = progress({ progress: 1 });
    expect(exchanges.incoming(nameless)).toBe(nameless);
    const empty = { jsonrpc: "2.0", method: "notifications/progress" };
    expect(exchanges.incoming(empty)).toBe(empty);
    expect(exchanges.incoming(progress({ progressToken: exchange.progressToken, progress: "much" }))).toBeUndefined();
    expect(exchanges.incoming(progress({ progressToken: exchange.progressToken, progress: 1 }))).toBeUndefined();
    exchange.answered("result");
    const late = progress({ progressToken: exchange.progressToken, progress: 2 });
    expect(exchanges.incoming(late)).toBe(late);
    expect(seen).toMatchObject([{ progress: 1 }]);
  });

  test("M2: a request that was cancelled is forgotten", () => {
    const exchanges = table();
    exchanges.outgoing({ jsonrpc: "2.0", id: 3, method: "tools/call" });
    expect(exchanges.size).toBe(1);
    exchanges.outgoing({ jsonrpc: "2.0", method: "notifications/cancelled" });
    exchanges.outgoing({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 3 } });
    expect(exchanges.size).toBe(0);
    expect(exchanges.outgoing({ jsonrpc: "2.0", id: 1, result: {} })).toBeUndefined();
  });
});

function events(text: string): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.statusCode = 200;
  message.headers = { "content-type": "text/event-stream" };
  message.push(text);
  message.push(null);
  return message;
}

describe("a standing stream", () => {
  /** What a stream that is kept while `answers` last asks for, with the pauses between. */
  async function kept(answers: readonly (() => Promise<IncomingMessage>)[], livesMs: readonly number[] = []) {
    const now = vi.spyOn(performance, "now");
    vi.useFakeTimers();
    try {
      const seen: unknown[] = [];
      const closing = new AbortController();
      const told = {
        onMessage: () => {},
        onEnded: ({ kind }: Failure) => seen.push(kind),
        onDoubt: () => seen.push("doubt"),
        onGap: () => seen.push("gap"),
      };
      let count = 0;
      const connect = async (lastEventId: string | undefined): Promise<IncomingMessage> => {
        const answer = answers[count];
        if (answer === undefined) {
          closing.abort();
          throw new Error("closed");
        }
        seen.push(`from ${lastEventId}`);
        count += 1;
        const response = await answer();
        if (response.statusCode === 200) now.mockReturnValueOnce(0).mockReturnValueOnce(livesMs[count - 1] ?? 60_000);
        return response;
      };
      const stream = new StandingStream({ connect, events: told, maxMessageBytes: 100, closing: closing.signal });
      let isOver = false;
      const keeping = stream.keep().then(() => {
        isOver = true;
      });
      let ms = 0;
      for (; !isOver && ms < 60_000; ms += 100) await vi.advanceTimersByTimeAsync(100);
      expect(isOver).toBe(true);
      await keeping;
      return { seen, ms };
    } finally {
      vi.useRealTimers();
      now.mockRestore();
    }
  }
  const refused = (status: number) => async (): Promise<IncomingMessage> =>
    Object.assign(events(""), { statusCode: status });

  test("M8: it is opened again from where it ended, and the gap is told; one that lived short waits longer", async () => {
    const long = await kept([async () => events("id: 7\ndata: {}\n\n"), async () => events("data: {}\n\n")]);
    expect(long.seen).toEqual(["from undefined", "from 7", "gap"]);
    const short = await kept([async () => events(""), async () => events(""), async () => events("")], [10, 10, 10]);
    expect(short.ms).toBeGreaterThan(long.ms + 3_000);
  });

  test.each([404, 400, 401, 405, 500])(
    "M3: the first is optional: status %i means that there is none",
    async (status) => {
      expect((await kept([refused(status)])).seen).toEqual(["from undefined"]);
    },
  );

  test("M6: what cannot be reached is tried again, for as long as the connection lasts where it was open", async () => {
    const fails = (): Promise<IncomingMessage> => Promise.reject(new Error("reset"));
    expect((await kept([fails, async () => events("")])).seen).toEqual(["from undefined", "from undefined"]);
    expect((await kept([fails, fails])).seen).toEqual(["from undefined", "from undefined"]);
    const again = await kept([async () => events(""), refused(500), fails, async () => events("")]);
    const first = ["from undefined", "from undefined", "doubt", "from undefined", "from undefined", "gap"];
    expect(again.seen).toEqual(first);
  });

  test("M7: an event that is too large ends one stream; the next does not begin with it", async () => {
    const big = async (): Promise<IncomingMessage> => events(`id: 1\ndata: {}\n\nid: 2\ndata: ${"x".repeat(200)}`);
    expect((await kept([big, async () => events("")])).seen).toEqual(["from undefined", "from undefined", "gap"]);
  });
});

describe("answers over HTTP", () => {
  const headOnly = (statusCode?: number): IncomingMessage => {
    const message = new IncomingMessage(new Socket());
    if (statusCode !== undefined) message.statusCode = statusCode;
    message.push(null);
    return message;
  };

  test("M4: one that has no status is no answer", async () => {
    const failures: Failure[] = [];
    const exchange = new Exchange({ onFailed: (failure) => failures.push(failure) });
    const replies = new Replies({ maxMessageBytes: 100, onMessage: () => {} });
    const resume = (): Promise<IncomingMessage> => Promise.reject(new Error("not asked"));
    await replies.read(headOnly(), { exchange, hasSession: false, signal: new AbortController().signal, resume });
    expect(failures).toMatchObject([{ kind: "closed", delivery: "sent" }]);
  });

  test("M5: sockets that one user has given up twice are still there for the other", async () => {
    const opened: Socket[] = [];
    const server = createServer((_request, response) => response.end()).on("connection", (socket) => {
      opened.push(socket);
    });
    server.keepAliveTimeout = 60_000;
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const sockets = new HttpSockets();
    const [first, second] = [sockets.use(), sockets.use()];
    const ask = async (): Promise<void> => {
      const url = new URL(`http://127.0.0.1:${port}/`);
      const response = await sockets.send(url, { method: "GET", headers: {}, signal: never });
      response.resume();
      await once(response, "close");
      // By then the socket rests.
      await new Promise(setImmediate);
    };
    await ask();
    const destroy = vi.spyOn(HttpAgent.prototype, "destroy");
    onTestFinished(() => destroy.mockRestore());
    first();
    first();
    expect(destroy).not.toHaveBeenCalled();
    await ask();
    expect(opened).toHaveLength(1);
    const ended = Promise.all(opened.map((socket) => once(socket, "close")));
    second();
    expect(destroy).toHaveBeenCalled();
    await ended;
  });
});

test("a callback of the application may throw or reject", async () => {
  quietly(() => {
    throw new Error("thrown");
  });
  quietly(() => Promise.reject(new Error("rejected")));
  await new Promise(setImmediate);
});
