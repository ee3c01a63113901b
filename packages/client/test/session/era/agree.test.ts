import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ServerMemory } from "../../../src/session/era/server-memory.js";
import { open, rejection, temporaryFolder } from "../support.js";
import { type Answer, discovered, eraServer } from "./era-server.js";

const timeout = 60_000;

/** Opens a connection as a client does by default. */
function openAuto(url: string, memory: ServerMemory = new ServerMemory(), principal?: string) {
  return open({ url, type: "http" }, { protocol: "auto", memory, principal });
}

const refused: Answer = { status: 400, text: "" };
const unknown: Answer = { error: { code: -32601, message: "Method not found" } };

describe("a server of an older revision", () => {
  test.each<[string, Answer]>([
    ["HTTP 400 without a word", refused],
    ["HTTP 404", { status: 404, text: "not here" }],
    ["HTTP 405", { status: 405, text: "" }],
    [
      "the error of SDK v1 with sessions",
      { status: 400, text: '{"jsonrpc":"2.0","error":{"code":-32000,"message":"Server not initialized"},"id":null}' },
    ],
    ["an unknown method, by 200", unknown],
    ["an unknown method, by 404", { status: 404, ...unknown }],
    ["an unknown session", { status: 404, error: { code: -32001, message: "Session not found" } }],
    ["older revisions", { result: { ...discovered, supportedVersions: ["2025-11-25"] } }],
    ["-32022 without data", { status: 400, error: { code: -32022, message: "no" } }],
    [
      "-32022 with older revisions",
      { status: 400, error: { code: -32022, message: "no", data: { supported: ["2025-06-18"] } } },
    ],
    ["something else", { result: { anything: true } }],
  ])("M19: answers %s, is asked once, and costs nothing more later", { timeout }, async (_what, answer) => {
    const server = await eraServer(({ method }) => (method === "server/discover" ? answer : undefined));
    const memory = new ServerMemory();
    const first = await openAuto(server.url, memory);
    expect(first.connection.serverInfo.protocol).toBe("2025-11-25");
    const second = await openAuto(server.url, memory);
    await second.call("any");
    expect([server.count("server/discover"), server.count("initialize")]).toEqual([1, 2]);
    const handshake = server.seen.find(({ method }) => method === "initialize");
    expect(handshake?.headers["mcp-protocol-version"]).toBeUndefined();
    expect(handshake?.headers["mcp-method"]).toBeUndefined();
  });
});

describe("what is no verdict", () => {
  test.each([429, 500, 503])("M19: HTTP %i fails the attempt, and the next asks again", { timeout }, async (status) => {
    let isWell = false;
    const server = await eraServer(() => (isWell ? undefined : { status, text: "busy" }));
    const memory = new ServerMemory();
    expect(await rejection(openAuto(server.url, memory))).toMatchObject({ kind: "http", status });
    expect(server.count("initialize")).toBe(0);
    isWell = true;
    const { connection } = await openAuto(server.url, memory);
    expect(connection.serverInfo.protocol).toBe("2026-07-28");
  });

  const challenge = { "www-authenticate": "Bearer" };

  test.each([
    { status: 401, headers: challenge },
    { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope", scope="all"' } },
  ])("M19: HTTP $status is told as it is", { timeout }, async ({ status, headers }) => {
    const server = await eraServer(() => ({ status, headers, text: "no" }));
    expect(await rejection(openAuto(server.url))).toMatchObject({ kind: "http", status });
    expect(server.count("initialize")).toBe(0);
  });

  // A filter that knows the methods of older revisions only says 403.
  test.each([401, 403])(
    "M19, M3: HTTP %i without a challenge may be about the question, or the missing session: the handshake decides",
    { timeout },
    async (status) => {
      const legacy = await eraServer(({ method }) =>
        method === "server/discover" ? { status, text: "unknown session" } : undefined,
      );
      const { connection } = await openAuto(legacy.url);
      expect(connection.serverInfo.protocol).toBe("2025-11-25");
      const locked = await eraServer(() => ({ status, text: "no" }));
      const memory = new ServerMemory();
      expect(await rejection(openAuto(locked.url, memory))).toMatchObject({ kind: "http", status });
      expect(locked.count("initialize")).toBe(1);
      expect(memory.era).toBeUndefined();
    },
  );

  test.each<[string, Answer]>([
    ["HTTP 500", { status: 500, text: "" }],
    ["a page", { text: "<html>" }],
  ])(
    "M19: a server that answers %s to all that it does not know is spoken to as the older ones are",
    {
      timeout,
    },
    async (_what, answer) => {
      const server = await eraServer(({ method }) => (method === "server/discover" ? answer : undefined));
      const memory = new ServerMemory();
      await rejection(openAuto(server.url, memory));
      await openAuto(server.url, memory);
      await openAuto(server.url, memory);
      expect([server.count("server/discover"), server.count("initialize")]).toEqual([2, 2]);
    },
  );

  test("M19: a server of newer revisions alone is told which they are", { timeout }, async () => {
    const data = { supported: ["2031-01-01"] };
    const server = await eraServer(() => ({ status: 400, error: { code: -32022, message: "no", data } }));
    expect(await rejection(openAuto(server.url))).toMatchObject({
      kind: "connect",
      message: expect.stringMatching(/2031-01-01.*2026-07-28/),
    });
  });
});

describe("a server of today", () => {
  test("M19: is asked once for each principal, and its connections cost no request", { timeout }, async () => {
    const server = await eraServer(() => undefined);
    const memory = new ServerMemory();
    await Promise.all(Array.from({ length: 5 }, () => openAuto(server.url, memory)));
    await openAuto(server.url, memory, "ann");
    await openAuto(server.url, memory, "ann");
    expect(server.seen.map(({ method }) => method)).toEqual(["server/discover", "server/discover"]);
  });

  test("M19: may refuse the first request in the revision that it names", { timeout }, async () => {
    let count = 0;
    const data = { supported: ["2026-07-28"], requested: "2026-07-28" };
    const server = await eraServer(() =>
      ++count === 1 ? { status: 400, error: { code: -32022, message: "again", data } } : undefined,
    );
    const { connection, call } = await openAuto(server.url);
    await call("any");
    expect(connection.serverInfo.protocol).toBe("2026-07-28");
    expect(server.seen.map(({ method }) => method)).toEqual(["server/discover", "server/discover", "tools/call"]);
  });

  test("M19: every request carries its revision, client and capabilities, in headers too; there is no session", {
    timeout,
  }, async () => {
    const server = await eraServer(() => undefined);
    const { connection, call } = await open(
      { url: server.url },
      { protocol: "auto", capabilities: { roots: {} }, clientInfo: { name: "me", version: "3" } },
    );
    await call("tool – one");
    const { signal } = new AbortController();
    await connection.send(
      { method: "resources/read", params: { uri: "file:///a", _meta: { mine: 1 } }, capabilities: {} },
      { signal },
    );
    await connection.ping(signal);
    await connection.close();
    const sent = server.seen;
    expect(sent.map(({ method }) => method)).toEqual([
      "server/discover",
      "tools/call",
      "resources/read",
      "server/discover",
    ]);
    for (const { method, params, headers } of sent) {
      expect(headers).toMatchObject({ "mcp-protocol-version": "2026-07-28", "mcp-method": method });
      expect(headers["mcp-session-id"]).toBeUndefined();
      expect(params._meta).toMatchObject({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { name: "me", version: "3" },
        "io.modelcontextprotocol/clientCapabilities": method === "resources/read" ? {} : { roots: {} },
      });
    }
    expect(sent.map(({ headers }) => headers["mcp-name"])).toEqual([
      undefined,
      `=?base64?${Buffer.from("tool – one").toString("base64")}?=`,
      "file:///a",
      undefined,
    ]);
    expect(sent[2]?.params._meta).toMatchObject({ mine: 1 });
  });

  test("M19: one that is replaced by one of an older revision is asked again, and the other way round", {
    timeout,
  }, async () => {
    let isOld = false;
    const server = await eraServer(({ method, params }) => {
      const isModern = Object(params._meta)["io.modelcontextprotocol/protocolVersion"] !== undefined;
      if (isModern === isOld) {
        return isOld
          ? { status: 400, text: "Bad Request: Server not initialized" }
          : { status: 400, error: { code: -32022, message: "no", data: { supported: ["2026-07-28"] } } };
      }
      return method === "initialize" && !isOld ? unknown : undefined;
    });
    const memory = new ServerMemory();
    const first = await openAuto(server.url, memory);
    isOld = true;
    expect(await rejection(first.call("any"))).toMatchObject({ kind: "session-lost", delivery: "not-sent" });
    expect(first.deaths).toHaveLength(1);
    const second = await openAuto(server.url, memory);
    expect(second.connection.serverInfo.protocol).toBe("2025-11-25");
    isOld = false;
    const third = await openAuto(server.url, memory);
    expect(third.connection.serverInfo.protocol).toBe("2026-07-28");
  });
});

describe("a pinned revision", () => {
  test("M19: is the only one that is spoken", { timeout }, async () => {
    const server = await eraServer(() => undefined);
    const modern = await open({ url: server.url }, { protocol: "2026-07-28" });
    expect(modern.connection.serverInfo.protocol).toBe("2026-07-28");
    const legacy = await open({ url: server.url }, { protocol: "2025-11-25" });
    expect(legacy.connection.serverInfo.protocol).toBe("2025-11-25");
    expect(server.count("server/discover")).toBe(1);
    expect(await rejection(open({ url: server.url }, { protocol: "2025-06-18" }))).toMatchObject({ kind: "connect" });
    const old = await eraServer(({ method }) => (method === "server/discover" ? unknown : undefined));
    expect(await rejection(open({ url: old.url }, { protocol: "2026-07-28" }))).toMatchObject({
      kind: "connect",
      message: expect.stringContaining("2026-07-28"),
    });
    expect(old.count("initialize")).toBe(0);
  });
});

describe("over stdio", () => {
  /** A server in a few lines; `on(message, send)` answers, and `count` names a file that gets a line for each start. */
  function program(on: string): {
    readonly command: string;
    readonly args: readonly string[];
    readonly starts: () => number;
  } {
    const file = `${temporaryFolder()}/starts`;
    const script = `
      require("node:fs").appendFileSync(${JSON.stringify(file)}, "start\\n");
      const send = (id, answer) => console.log(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
      const initialized = { protocolVersion: "2025-11-25", capabilities: {}, serverInfo: { name: "s", version: "1" } };
      const discovered = { supportedVersions: ["2026-07-28"], capabilities: {}, resultType: "complete", ttlMs: 0, cacheScope: "private" };
      const on = ${on};
      require("node:readline").createInterface(process.stdin).on("line", (line) => { const m = JSON.parse(line); if (m.id !== undefined) on(m); });`;
    const starts = (): number => readFileSync(file, "utf8").split("\n").length - 1;
    return { command: process.execPath, args: ["-e", script], starts };
  }
  const start = (target: ReturnType<typeof program>, memory: ServerMemory) =>
    open({ command: target.command, args: target.args }, { protocol: "auto", memory });

  test("M19: a server that ends when it is asked is greeted, and is not asked again once that is sure", {
    timeout,
  }, async () => {
    const target = program(
      `(m) => { if (m.method !== "initialize" && m.method !== "tools/call") process.exit(1); send(m.id, { result: m.method === "initialize" ? initialized : { content: [] } }); }`,
    );
    const memory = new ServerMemory();
    for (const starts of [2, 4, 5]) {
      const { connection, call } = await start(target, memory);
      await call("any");
      expect(connection.serverInfo.protocol).toBe("2025-11-25");
      await connection.close();
      expect(target.starts()).toBe(starts);
    }
  });

  test("M19: a server that answers nothing before its handshake is greeted after a while, in the same process", {
    timeout,
  }, async () => {
    const target = program(`(m) => { if (m.method === "initialize") send(m.id, { result: initialized }); }`);
    const { connection } = await start(target, new ServerMemory());
    expect(connection.serverInfo.protocol).toBe("2025-11-25");
    expect(target.starts()).toBe(1);
  });

  test("M19: one that is slow to start is found to be of today all the same", { timeout }, async () => {
    const target = program(
      `(m) => setTimeout(() => send(m.id, m.method === "initialize" ? { error: { code: -32022, message: "no", data: { supported: ["2026-07-28"] } } } : { result: discovered }), 7_000)`,
    );
    const { connection } = await start(target, new ServerMemory());
    expect(connection.serverInfo.protocol).toBe("2026-07-28");
    expect(target.starts()).toBe(1);
  });

  test("M5: one that ends whatever it is told is started twice at first, and once from then on", {
    timeout,
  }, async () => {
    const target = program("() => process.exit(3)");
    const memory = new ServerMemory();
    for (const starts of [2, 3, 4]) {
      expect(await rejection(start(target, memory))).toMatchObject({ kind: "connect" });
      expect(target.starts()).toBe(starts);
    }
  });
});
