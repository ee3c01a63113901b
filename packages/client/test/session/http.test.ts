import { startChaosServer } from "@minion/chaos";
import { describe, expect, onTestFinished, test } from "vitest";
import { ServerMemory } from "../../src/session/era/server-memory.js";
import { answerEvent, answerStatus, type Exchange, initialized, startEvents, startRawServer } from "./raw-server.js";
import { open, rejection, until } from "./support.js";

const timeout = 30_000;

function isCall({ message }: Exchange, tool?: string): boolean {
  return message.method === "tools/call" && (tool === undefined || message.params?.name === tool);
}

describe("the session", () => {
  test("M3: a lost one is told once; each of 8 concurrent calls knows that it was not run", { timeout }, async () => {
    const server = await startChaosServer({ protocol: "legacy" });
    onTestFinished(() => server.close());
    const { call, deaths } = await open({ url: server.url });
    server.forgetSessions();
    const failures = await Promise.all(
      Array.from({ length: 8 }, (_, key) => rejection(call("sideEffect", { key: String(key) }))),
    );
    for (const failure of failures)
      expect(failure).toMatchObject({ kind: "session-lost", delivery: "not-sent", status: 404 });
    expect(deaths).toHaveLength(1);
    expect(await rejection(call("sideEffect", { key: "later" }))).toMatchObject({
      kind: "session-lost",
      delivery: "not-sent",
    });
    expect(server.journal().filter((entry) => entry.event === "sideEffect")).toEqual([]);
  });

  test.each([404, 405])(
    "M3: a notification that is refused with %i loses no session that answers pings",
    {
      timeout,
    },
    async (status) => {
      let isGone = false;
      const { url, requests } = await startRawServer({
        post: (exchange) => {
          if (isCall(exchange, "hang")) return true;
          if (!isGone && exchange.message.method !== "notifications/cancelled") return false;
          answerStatus(exchange.response, status);
          return true;
        },
      });
      const { call, deaths } = await open({ url });
      const giveUp = async (): Promise<void> => {
        const controller = new AbortController();
        const givenUp = rejection(
          call("hang", {}, { signal: controller.signal, onSent: () => controller.abort("enough") }),
        );
        expect(await givenUp).toBe("enough");
      };
      await giveUp();
      await until(() => requests.some(({ message }) => message.method === "ping"), "it is asked");
      await call("any");
      expect(deaths).toEqual([]);
      isGone = true;
      await giveUp();
      await until(() => deaths.length > 0, "it is found out");
      expect(deaths).toMatchObject([{ kind: "session-lost" }]);
    },
  );

  test("M3: a call that is under way when the session is lost still gets its answer", { timeout }, async () => {
    let release = (): void => {};
    const { url } = await startRawServer({
      post: (exchange) => {
        if (isCall(exchange, "late")) {
          startEvents(exchange);
          release = () => void exchange.response.end(answerEvent(exchange.message.id, "late"));
          return true;
        }
        if (!isCall(exchange)) return false;
        answerStatus(exchange.response, 404);
        return true;
      },
    });
    const { call, deaths } = await open({ url });
    const late = call("late");
    expect(await rejection(call("lost"))).toMatchObject({ kind: "session-lost" });
    expect(deaths).toHaveLength(1);
    release();
    await expect(late).resolves.toMatchObject({ content: [{ text: "late" }] });
  });

  test("M3: one that is given with the answer to notifications/initialized is kept; one given before the handshake is none", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer({
      post: ({ message, response }) => {
        if (message.method === "server/discover") answerStatus(response, 400, { "mcp-session-id": "of-nobody" });
        else if (message.method === "initialize") {
          response.writeHead(200, { "content-type": "application/json" });
          response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: initialized }));
        } else if (message.id === undefined) answerStatus(response, 202, { "mcp-session-id": "late" });
        else return false;
        return true;
      },
    });
    const { call } = await open({ url }, { protocol: "auto" });
    await call("any");
    const sent = requests.map(({ message, headers }) => [message.method, headers["mcp-session-id"]]);
    expect(sent.filter(([method]) => method !== undefined)).toEqual([
      ["server/discover", undefined],
      ["initialize", undefined],
      ["notifications/initialized", undefined],
      ["tools/call", "late"],
    ]);
  });

  test("M5: close() ends it on the server, and does not wait for a server that does not answer", {
    timeout,
  }, async () => {
    const kind = await startRawServer();
    const first = await open({ url: kind.url });
    await first.connection.close();
    const ended = kind.requests.find((request) => request.method === "DELETE /mcp");
    expect(ended?.headers["mcp-session-id"]).toBe("session-1");

    const deaf = await startRawServer({ delete: () => {} });
    const second = await open({ url: deaf.url });
    const startedAt = performance.now();
    await second.connection.close();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    await until(() => deaf.sockets.now === 0, "its sockets are closed");
  });
});

describe("requests", () => {
  test("M2: 10 calls that are given up end their sockets too", { timeout }, async () => {
    const { url, sockets, requests } = await startRawServer({ post: (exchange) => isCall(exchange) });
    const { call } = await open({ url });
    const controller = new AbortController();
    const hanging = Array.from({ length: 10 }, () => rejection(call("hang", {}, { signal: controller.signal })));
    await until(() => requests.filter(({ message }) => message.method === "tools/call").length === 10, "they arrive");
    expect(sockets.now).toBeGreaterThanOrEqual(10);
    controller.abort();
    await Promise.all(hanging);
    await until(
      () => requests.filter(({ message }) => message.method === "notifications/cancelled").length === 10,
      "the server is told",
    );
    // What is left serves the notifications.
    await until(() => sockets.now <= 10, "no socket waits for an answer");
  });

  test("M10: so many at once warn of nothing", { timeout }, async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on("warning", note);
    onTestFinished(() => void process.off("warning", note));
    const { url } = await startRawServer();
    const { call } = await open({ url });
    await Promise.all(Array.from({ length: 64 }, () => call("any")));
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });

  test("M2: a call that is given up at once is never sent", { timeout }, async () => {
    const { url, requests } = await startRawServer();
    const { call } = await open({ url });
    const controller = new AbortController();
    const calling = rejection(call("any", {}, { signal: controller.signal }));
    controller.abort("at once");
    expect(await calling).toBe("at once");
    await call("other");
    expect(requests.filter(({ message }) => message.params?.name === "any")).toEqual([]);
  });

  test("M10: 64 quick calls at once share fewer sockets", { timeout }, async () => {
    const { url, sockets } = await startRawServer();
    const { call } = await open({ url });
    // The first ones are not quick in a process that is new.
    for (let count = 0; count < 200; count++) await call("any");
    await Promise.all(Array.from({ length: 64 }, () => call("any")));
    expect(sockets.most).toBeLessThan(64);
  });

  test("M10: 300 calls at once share a bounded number of sockets", { timeout }, async () => {
    const { url, sockets, requests } = await startRawServer();
    const { call } = await open({ url });
    await Promise.all(Array.from({ length: 300 }, (_, index) => call(`tool-${index}`)));
    expect(sockets.most).toBeLessThanOrEqual(256 + 16);
    expect(requests.filter(({ message }) => message.method === "tools/call")).toHaveLength(300);
  });

  test("M2: calls that wait for a socket are not sent, and can be given up", { timeout }, async () => {
    const { url, requests } = await startRawServer({ post: (exchange) => isCall(exchange) });
    const { call, connection } = await open({ url });
    const first = Array.from({ length: 256 }, () => rejection(call("hang")));
    const controller = new AbortController();
    let sent = 0;
    const waiting = rejection(call("waiting", {}, { signal: controller.signal, onSent: () => sent++ }));
    const closing = rejection(call("closed"));
    await until(
      () => requests.filter(({ message }) => message.method === "tools/call").length === 256,
      "all places are taken",
    );
    controller.abort("given up");
    expect(await waiting).toBe("given up");
    expect(sent).toBe(0);
    await connection.close();
    expect(await closing).toMatchObject({ kind: "closed", delivery: "not-sent" });
    for (const failure of await Promise.all(first)) expect(failure).toMatchObject({ kind: "closed", delivery: "sent" });
    expect(
      requests.filter(({ message }) => message.params?.name === "waiting" || message.params?.name === "closed"),
    ).toEqual([]);
  });

  test("M4: Retry-After may be a date; the words of a refusal are kept", { timeout }, async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        const date = new Date(Date.now() + 5_000).toUTCString();
        answerStatus(exchange.response, 429, { "retry-after": date }, "too\n many \u0007calls");
        return true;
      },
    });
    const { call } = await open({ url });
    const failure = await rejection(call("any"));
    expect(failure).toMatchObject({ kind: "http", status: 429, delivery: "not-sent" });
    expect(failure).toHaveProperty("message", "the server answered with HTTP status 429: too many calls");
    expect(failure).toHaveProperty("retryAfterMs", expect.closeTo(4_500, -3.3));
  });

  test("M1: a refusal whose body never ends is reported all the same", { timeout }, async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        exchange.response.writeHead(500).write("it says");
        return true;
      },
    });
    const { call } = await open({ url });
    expect(await rejection(call("any"))).toMatchObject({
      kind: "http",
      status: 500,
      message: expect.stringContaining("it says"),
    });
  });

  test("M4: half an answer is a lost one", { timeout }, async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        answerStatus(exchange.response, 200, { "content-type": "application/json" }, '{"jsonrpc":');
        return true;
      },
    });
    const { call } = await open({ url });
    expect(await rejection(call("any"))).toMatchObject({ kind: "closed", delivery: "sent" });
  });

  test.each([
    ["no answer at all", 202, "application/json", ""],
    ["a page", 200, "text/html", "<html>"],
    ["something else", 200, "application/json", '{"jsonrpc":"2.0","id":1,"result":"text"}'],
  ])("M7: %s is not an answer, which is told at once", { timeout }, async (_what, status, type, body) => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        answerStatus(
          exchange.response,
          status,
          { "content-type": type },
          body.replace('"id":1', `"id":${exchange.message.id}`),
        );
        return true;
      },
    });
    const { call } = await open({ url });
    const kind = expect.stringMatching(/^(closed|invalid-result)$/);
    expect(await rejection(call("any"))).toMatchObject({ kind, delivery: "sent" });
  });

  test.each([
    ["of no type", 200, {}],
    ["of type text/plain", 200, { "content-type": "text/plain; charset=utf-8" }],
    ["of a type of its own", 200, { "content-type": "application/vnd.mcp+json" }],
    ["with the status of what is no answer", 202, { "content-type": "application/json" }],
  ] as const)("M7: a message %s is the answer that it is", { timeout }, async (_what, status, headers) => {
    const { url } = await startRawServer({
      post: ({ response, message }) => {
        if (message.method !== "tools/call") return false;
        const result = { content: [{ type: "text", text: "ran" }] };
        answerStatus(response, status, headers, JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
        return true;
      },
    });
    const { call } = await open({ url });
    await expect(call("any")).resolves.toMatchObject({ content: [{ text: "ran" }] });
  });
});

describe("redirects", () => {
  test("are followed within the origin, with everything; a call that would leave it is refused", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer({
      post: ({ request, response, message }) => {
        if (message.params?.name === "away")
          answerStatus(response, 307, { location: "http://127.0.0.1:9/mcp?state=of-one" });
        else if (request.url === "/mcp") answerStatus(response, 307, { location: "/moved" });
        else return false;
        return true;
      },
    });
    const { call } = await open({ url, headers: { "x-key": "s3cret" } });
    await expect(call("any")).resolves.toMatchObject({ content: [{ text: "fine" }] });
    const moved = requests.filter((request) => request.method === "POST /moved");
    expect(moved.map((request) => request.headers["x-key"])).toEqual(["s3cret", "s3cret", "s3cret"]);
    expect(await rejection(call("away"))).toMatchObject({
      ...{ kind: "http", status: 307, delivery: "not-sent" },
      message: "the server answered with HTTP status 307: it redirects to http://127.0.0.1:9/mcp",
    });
  });
});

describe("replies as streams", () => {
  test("M6: a numbered stream that breaks off is asked for the rest", { timeout }, async () => {
    let asked: number | undefined;
    const { url, requests } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        asked = exchange.message.id;
        startEvents(exchange);
        exchange.response.end("retry: 10\nid: event-1\ndata:\n\n");
        return true;
      },
      get: (exchange) => {
        if (exchange.request.headers["last-event-id"] === undefined) return answerStatus(exchange.response, 405);
        startEvents(exchange);
        exchange.response.end(answerEvent(asked, "the rest"));
      },
    });
    const { call } = await open({ url });
    await expect(call("any")).resolves.toMatchObject({ content: [{ text: "the rest" }] });
    const resumed = requests.filter(
      (request) => request.method === "GET /mcp" && request.headers["last-event-id"] !== undefined,
    );
    expect(resumed.map((request) => request.headers["last-event-id"])).toEqual(["event-1"]);
  });

  test("M6: where the rest is refused the call fails at once; one that was given up is not asked for", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        startEvents(exchange);
        exchange.response.write("retry: 10\nid: event-1\ndata:\n\n");
        if (isCall(exchange, "broken")) exchange.response.end();
        return true;
      },
      get: (exchange) =>
        answerStatus(exchange.response, exchange.request.headers["last-event-id"] === undefined ? 405 : 500),
    });
    const { call, connection } = await open({ url });
    expect(await rejection(call("broken"))).toMatchObject({ kind: "closed", delivery: "sent" });
    const resumes = (): number => requests.filter((request) => request.headers["last-event-id"] !== undefined).length;
    expect(resumes()).toBe(1);
    const controller = new AbortController();
    let sent = false;
    const hanging = rejection(
      call(
        "open",
        {},
        {
          signal: controller.signal,
          onSent: () => {
            sent = true;
          },
        },
      ),
    );
    await until(() => sent, "it is sent");
    controller.abort();
    await hanging;
    await connection.ping(new AbortController().signal);
    expect(resumes()).toBe(1);
  });

  test("M6: a reply that stays open after the answer is ended", { timeout }, async () => {
    let closed = false;
    const { url } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        startEvents(exchange);
        exchange.response.write(answerEvent(exchange.message.id));
        exchange.response.on("close", () => {
          closed = true;
        });
        return true;
      },
    });
    const { call } = await open({ url });
    await call("any");
    await until(() => closed, "the client ends it");
  });
});

describe("the standing stream", () => {
  test("M13: it stands before the first call, where the server may ask something back by it", { timeout }, async () => {
    let stands = false;
    const standsAtCall: boolean[] = [];
    const { url } = await startRawServer({
      get: (exchange) =>
        void setTimeout(() => {
          stands = true;
          startEvents(exchange);
        }, 200),
      post: (exchange) => {
        if (isCall(exchange)) standsAtCall.push(stands);
        return false;
      },
    });
    const silent = await open({ url });
    await silent.call("echo");
    stands = false;
    const asked = await open({ url }, { capabilities: { elicitation: {} } });
    await asked.call("echo");
    expect(standsAtCall).toEqual([false, true]);
  });

  test("M13: a server that never says whether it has one is called all the same", { timeout }, async () => {
    const { url, requests } = await startRawServer({ get: () => {} });
    const options = { capabilities: { elicitation: {} }, connectTimeoutMs: 4_000, memory: new ServerMemory() };
    const { call } = await open({ url }, options);
    await expect(call("echo")).resolves.toMatchObject({ content: [{ text: "fine" }] });
    expect(requests.some(({ method }) => method === "GET /mcp")).toBe(true);
    // That is waited for once.
    const begin = performance.now();
    await (await open({ url }, options)).call("echo");
    expect(performance.now() - begin).toBeLessThan(900);
  });

  test("M8: when it was away every list may have changed", { timeout }, async () => {
    let opened = 0;
    const { url } = await startRawServer({
      get: (exchange) => {
        opened += 1;
        startEvents(exchange);
        if (opened === 1) exchange.response.end("retry: 5\ndata:\n\n");
      },
    });
    const { notifications, deaths } = await open({ url });
    await until(() => notifications.length > 0, "the gap is told");
    expect(notifications).toEqual(["notifications/tools/list_changed"]);
    expect(opened).toBe(2);
    expect(deaths).toEqual([]);
  });

  test.each([404, 409, 500])(
    "M3: a further one that is refused with %i is a doubt: where the ping is refused too the session is lost",
    { timeout },
    async (status) => {
      let opened = 0;
      const { url } = await startRawServer({
        get: (exchange) => {
          opened += 1;
          if (opened > 1) return answerStatus(exchange.response, status);
          startEvents(exchange);
          exchange.response.end("retry: 5\ndata:\n\n");
        },
        post: ({ message, response }) => {
          if (message.method !== "ping") return false;
          answerStatus(response, 400);
          return true;
        },
      });
      const { deaths } = await open({ url });
      await until(() => deaths.length > 0, "the loss is told");
      expect(deaths).toMatchObject([{ kind: "session-lost" }]);
    },
  );

  test("M3: a further one that is refused again and again ends nothing where pings are answered", {
    timeout,
  }, async () => {
    let opened = 0;
    const { url } = await startRawServer({
      get: (exchange) => {
        opened += 1;
        if (opened > 1) return answerStatus(exchange.response, 404);
        startEvents(exchange);
        exchange.response.end("retry: 5\ndata:\n\n");
      },
    });
    const { call, deaths } = await open({ url });
    await until(() => opened >= 4, "it is asked for again");
    await call("any");
    expect(deaths).toEqual([]);
  });

  test("M6: where it cannot be opened again since the server is gone, the next call finds out", {
    timeout,
  }, async () => {
    let opened = 0;
    const { url, server } = await startRawServer({
      get: (exchange) => {
        opened += 1;
        startEvents(exchange);
        exchange.response.write("retry: 5\ndata:\n\n");
      },
    });
    const { call, deaths } = await open({ url });
    await until(() => opened === 1, "it is open");
    await call("any");
    server.close();
    server.closeAllConnections();
    expect(await rejection(call("any"))).toMatchObject({ kind: "closed" });
    expect(deaths).toEqual([]);
  });

  test("M10: a server that ends it at once is not asked every moment", { timeout }, async () => {
    let opened = 0;
    const { url } = await startRawServer({
      get: (exchange) => {
        opened += 1;
        startEvents(exchange);
        exchange.response.end("retry: 1\ndata:\n\n");
      },
    });
    const { call, connection } = await open({ url });
    const end = performance.now() + 1_500;
    while (performance.now() < end) await call("any");
    expect(opened).toBeGreaterThanOrEqual(2);
    expect(opened).toBeLessThanOrEqual(4);
    await connection.close();
    const settled = opened;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(opened).toBe(settled);
  });

  test.each([400, 500, 501])("M6: a server that refuses it with %i works without", { timeout }, async (status) => {
    const { url } = await startRawServer({ get: (exchange) => answerStatus(exchange.response, status) });
    const { call, deaths } = await open({ url });
    await expect(call("any")).resolves.toMatchObject({ content: [{ text: "fine" }] });
    expect(deaths).toEqual([]);
  });
});

describe("the HTTP+SSE transport", () => {
  test("M18: an address to post to of another origin is refused, at first and later; one of its own origin is taken", {
    timeout,
  }, async () => {
    const endpoints = [
      "http://127.0.0.1:9/elsewhere",
      "/first\n\nevent: endpoint\ndata: /second",
      "/mcp\n\nevent: endpoint\ndata: //127.0.0.1:9/elsewhere",
    ];
    let opened = 0;
    let stream: Exchange | undefined;
    const { url, requests } = await startRawServer({
      get: (exchange) => {
        stream = exchange;
        startEvents(exchange);
        exchange.response.write(`event: endpoint\ndata: ${endpoints[opened++]}\n\n`);
      },
      post: ({ response, message }) => {
        answerStatus(response, 202);
        if (message.method === "initialize")
          stream?.response.write(
            `data: ${JSON.stringify({ jsonrpc: "2.0", id: message.id, result: { protocolVersion: "2025-03-26", capabilities: {}, serverInfo: { name: "raw", version: "1" } } })}\n\n`,
          );
        return true;
      },
    });
    expect(await rejection(open({ url, type: "sse", headers: { "x-key": "s3cret" } }))).toMatchObject({
      kind: "connect",
      message: expect.stringContaining("another origin"),
    });
    expect(requests.filter(({ method }) => method.startsWith("POST"))).toEqual([]);
    await open({ url, type: "sse" }, { protocol: "auto" });
    expect(requests.filter(({ method }) => method === "POST /second").length).toBeGreaterThanOrEqual(1);
    expect(
      await rejection(open({ url, type: "sse" }, { protocol: "auto" }).then(({ call }) => call("any"))),
    ).toMatchObject({
      message: expect.stringContaining("another origin"),
    });
  });

  test("M6: a refused stream is told with the server's words", { timeout }, async () => {
    const { url } = await startRawServer({ get: ({ response }) => answerStatus(response, 403, {}, "not from here") });
    expect(await rejection(open({ url, type: "sse" }))).toMatchObject({
      kind: "http",
      status: 403,
      message: expect.stringContaining("not from here"),
    });
  });
});

describe("refusals that are answers", () => {
  test.each([400, 404, 500])(
    "M3: a JSON-RPC error to the call itself is its answer, whatever the status (%i)",
    async (status) => {
      const { url } = await startRawServer({
        post: (exchange) => {
          if (!isCall(exchange)) return false;
          const error = { jsonrpc: "2.0", id: exchange.message.id, error: { code: -32601, message: "no such method" } };
          answerStatus(exchange.response, status, { "content-type": "application/json" }, JSON.stringify(error));
          return true;
        },
      });
      const { call, deaths } = await open({ url });
      expect(await rejection(call("any"))).toMatchObject({ kind: "rpc", cause: { code: -32601 } });
      expect(deaths).toEqual([]);
    },
  );

  test("M4: one with id null is a refusal with the server's words; so is one of a status that stands for a refusal", async () => {
    const { url } = await startRawServer({
      post: (exchange) => {
        if (!isCall(exchange)) return false;
        const isLimited = isCall(exchange, "limited");
        const error = {
          id: isLimited ? exchange.message.id : null,
          error: { code: -32000, message: "not initialized" },
        };
        answerStatus(exchange.response, isLimited ? 429 : 400, {}, JSON.stringify(error));
        return true;
      },
    });
    const { call } = await open({ url });
    expect(await rejection(call("any"))).toMatchObject({
      kind: "http",
      message: "the server answered with HTTP status 400: not initialized",
    });
    expect(await rejection(call("limited"))).toMatchObject({ kind: "http", status: 429, delivery: "not-sent" });
  });
});

describe("headers", () => {
  test("M20: white space around a value, as of a secret that was read from a file, is not sent", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer();
    const headers = { "x-key": "of a file\r\n" };
    for (const given of [headers, async () => headers]) {
      requests.length = 0;
      const { call } = await open({ url, headers: given });
      await call("any");
      expect(new Set(requests.map(({ headers: sent }) => sent["x-key"]))).toEqual(new Set(["of a file"]));
    }
  });

  test("M22: a function that gives a header no text, as of a variable that is not set, has nothing sent", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer();
    for (const value of [undefined, null, {}]) {
      const headers = async () => Object.assign<Record<string, string>, object>({}, { authorization: value });
      expect(await rejection(open({ url, headers }))).toMatchObject({ kind: "application", delivery: "not-sent" });
    }
    expect(requests).toEqual([]);
  });

  test("M22: a User-Agent is sent; what is configured may replace it, but not what the transport needs", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer({ get: (exchange) => startEvents(exchange) });
    const first = await open({ url });
    await first.call("any");
    for (const { headers } of requests) expect(headers["user-agent"]).toMatch(/^minion\/\d/);
    requests.length = 0;
    const headers = { Accept: "text/html", "content-TYPE": "text/plain", "MCP-Session-Id": "mine", "User-Agent": "me" };
    const { call } = await open({ url, headers });
    await call("any");
    await until(() => requests.some(({ method }) => method === "GET /mcp"), "the stream is asked for");
    for (const { method, headers: sent } of requests) {
      const isGet = method === "GET /mcp";
      expect(sent.accept).toBe(isGet ? "text/event-stream" : "application/json, text/event-stream");
      expect(sent["content-type"]).toBe(isGet ? "text/plain" : "application/json");
      expect(sent["user-agent"]).toBe("me");
    }
    expect(requests.filter(({ message }) => message.method === "tools/call")[0]?.headers["mcp-session-id"]).toBe(
      "session-1",
    );
  });

  test("M22: what is configured says neither how a message is cut off nor which session it belongs to", {
    timeout,
  }, async () => {
    const given = {
      "Content-Length": "5",
      "transfer-encoding": "chunked",
      Connection: "close",
      "Mcp-Session-Id": "mine",
      Expect: "100-continue",
      "Content-Encoding": "gzip",
      "X-Mine": "kept",
    };
    for (const headers of [given, async () => given]) {
      const { url, requests } = await startRawServer();
      const { call, connection } = await open({ url, headers });
      await call("any");
      await connection.close();
      for (const { headers: sent } of requests) {
        expect(sent["x-mine"]).toBe("kept");
        expect(sent.connection).toBe("keep-alive");
        expect(sent["mcp-session-id"]).not.toBe("mine");
        for (const name of ["transfer-encoding", "expect", "content-encoding"]) expect(sent[name]).toBeUndefined();
      }
    }
  });

  test("they go with every request, a function is asked before each, credentials of the URL become one", {
    timeout,
  }, async () => {
    const { url, requests } = await startRawServer();
    let asked = 0;
    const headers = async ({ principal }: { principal: string | undefined }): Promise<Record<string, string>> => {
      asked += 1;
      return { "x-token": `${principal}-${asked}` };
    };
    const { call, connection } = await open(
      { url: url.replace("http://", "http://user:p%40ss@"), headers },
      { principal: "ann" },
    );
    await call("any");
    await connection.close();
    expect(requests.length).toBeGreaterThanOrEqual(4);
    expect(new Set(requests.map((request) => request.headers["x-token"])).size).toBe(requests.length);
    for (const request of requests) {
      expect(request.headers.authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
      expect(request.headers["x-token"]).toMatch(/^ann-\d+$/);
    }
  });

  test("M10: a function that rejects or hangs costs its own attempt only", { timeout }, async () => {
    const { url } = await startRawServer();
    const failing = open({ url, headers: () => Promise.reject(new Error("no token")) });
    expect(await rejection(failing)).toMatchObject({
      kind: "application",
      delivery: "not-sent",
      cause: { message: "no token" },
    });
    const hanging = open({ url, headers: () => new Promise(() => {}) }, { connectTimeoutMs: 100 });
    expect(await rejection(hanging)).toMatchObject({ kind: "application", delivery: "not-sent" });
  });
});
