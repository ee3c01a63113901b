import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ChaosServer, chaosCommand, type JournalEntry, readJournal, startChaosServer } from "@minion/chaos";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ClientEvent, MinionClient, type ServerConfig, type ServerRequest } from "../../../src/index.js";
import { ofType, rejection, statusOf, until } from "../../support.js";
import { count, quick, textOf } from "../../support-client.js";

// What each revision has over each transport that it defines, once each. HTTP+SSE belongs to 2024-11-05 and was deprecated
// later, but servers of all revisions with a handshake still speak it; streamable HTTP came with 2025-03-26.
const legacy = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] as const;
const transports = ["stdio", "HTTP json", "HTTP sse", "SSE"] as const;

type Revision = (typeof legacy)[number] | "2026-07-28" | "dual";
type Transport = (typeof transports)[number];

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick, maxConnections: 1 } as const;

function isDefined(revision: Revision, transport: Transport): boolean {
  if (transport === "SSE") return revision !== "2026-07-28";
  return revision !== "2024-11-05" || transport === "stdio";
}

/** A server of one row, which can be started again where it was. */
interface Row {
  readonly config: ServerConfig;
  /** Of all its lives. */
  journal(): readonly JournalEntry[];
  restart(client: MinionClient): Promise<void>;
  close(): Promise<void>;
}

async function startRow(revision: Revision, transport: Transport): Promise<Row> {
  const protocol = revision === "dual" ? "dual" : revision === "2026-07-28" ? "modern" : "legacy";
  const versions = legacy.filter((one) => one === revision);
  const options = { protocol, ...(versions.length > 0 && { versions }) } as const;
  if (transport === "stdio") {
    const folder = mkdtempSync(join(tmpdir(), "minion-matrix-"));
    const journal = join(folder, "journal");
    const { command, args, env } = chaosCommand({ ...options, journal });
    return {
      config: { command, args, env, ...policy },
      journal: () => readJournal(journal),
      restart: async (client) => {
        await rejection(client.callTool("s", "crash", { when: "before", key: "restart" }));
      },
      close: async () => rmSync(folder, { recursive: true, force: true }),
    };
  }
  const reply = transport === "HTTP sse" ? "sse" : "json";
  const begin = (port: number): Promise<ChaosServer> => startChaosServer({ ...options, port, faults: { reply } });
  const past: JournalEntry[] = [];
  let server = await begin(0);
  const where = transport === "SSE" ? { url: server.sseUrl, type: "sse" } : { url: server.url, type: "http" };
  return {
    config: { ...where, ...policy } as ServerConfig,
    journal: () => [...past, ...server.journal()],
    restart: async () => {
      await server.close();
      past.push(...server.journal());
      server = await begin(server.port);
    },
    close: () => server.close(),
  };
}

const rows = [...legacy, "2026-07-28" as const, "dual" as const].flatMap((revision) =>
  transports.filter((transport) => isDefined(revision, transport)).map((transport) => ({ revision, transport })),
);

describe.each(rows)("M19: a server of $revision over $transport", ({ revision, transport }) => {
  const spoken = revision !== "dual" ? revision : transport === "SSE" ? "2025-11-25" : "2026-07-28";
  const isModern = spoken === "2026-07-28";
  const events: ClientEvent[] = [];
  const asked: ServerRequest[] = [];
  let row: Row;
  let client: MinionClient;

  const requests = (method: string): number => count(row.journal(), "request", { method });
  /** So many in a revision that has them. A process that is slow to start may be greeted before it has said that it has none. */
  const expectHandshakes = (wanted: number): void => {
    if (!isModern || transport !== "stdio") expect(count(row.journal(), "initialize")).toBe(isModern ? 0 : wanted);
  };
  /** Until what the server says unasked is heard. */
  const heard = (): Promise<void> =>
    until(() => {
      if (isModern) return count(row.journal(), "subscribed") > count(row.journal(), "unsubscribed");
      return !transport.startsWith("HTTP") || count(row.journal(), "http", { method: "GET", path: "/mcp" }) > 0;
    }, "what it says unasked is heard");

  beforeAll(async () => {
    row = await startRow(revision, transport);
    client = new MinionClient({
      servers: { s: row.config },
      capabilities: { elicitation: {}, roots: {} },
      onEvent: (event) => events.push(event),
      onServerRequest: async (request) => {
        asked.push(request);
        if (request.method === "roots/list") return { roots: [{ uri: "file:///project" }] };
        return { action: "accept", content: { answer: "yes" } };
      },
    });
  }, timeout);

  afterAll(async () => {
    await client.close({ graceMs: 0 });
    await row.close();
  }, timeout);

  test("list: every list is read, in the revision that it speaks", { timeout }, async () => {
    expect((await client.listTools("s")).map(({ name }) => name)).toContain("echo");
    expect(await client.listResources("s")).toHaveLength(2);
    expect(await client.listResourceTemplates("s")).toHaveLength(1);
    expect(await client.listPrompts("s")).toHaveLength(2);
    expect(statusOf(client, "s").protocol).toBe(spoken);
    expect((await client.serverInfo("s")).protocol).toBe(spoken);
    expectHandshakes(1);
  });

  test("call: results and errors of tools, resources and prompts come as they are", { timeout }, async () => {
    expect(textOf(await client.callTool("s", "add", { a: 2, b: 3 }))).toBe("5");
    const { isError } = await client.callTool("s", "fail", {});
    expect(isError).toBe(true);
    const failed = client.callTool("s", "rpcError", { code: -32050, message: "no" });
    expect(await rejection(failed)).toMatchObject({ code: -32050 });
    expect((await client.readResource("s", "chaos://resource/0")).contents).toHaveLength(1);
    const [prompt] = await client.listPrompts("s");
    expect((await client.getPrompt("s", String(prompt?.name), {})).messages.length).toBeGreaterThan(0);
  });

  // A reply of plain JSON has no room for more than the result in the revisions with sessions.
  if (transport !== "HTTP json" || isModern)
    test("progress: all of it comes before the result", { timeout }, async () => {
      const told: unknown[] = [];
      const args = { steps: 5, ms: 0 };
      const onProgress = ({ progress }: { readonly progress: number }): unknown => told.push(progress);
      told.push(textOf(await client.callTool("s", "progress", args, { onProgress })));
      expect(told).toEqual([1, 2, 3, 4, 5, "5 steps"]);
    });

  test("cancel: an abort reaches the server, and the connection goes on", { timeout }, async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const failed = rejection(client.callTool("s", "hang", {}, { signal: abort.signal }));
    await until(() => count(row.journal(), "request", { tool: "hang" }) === 1, "the call arrived");
    abort.abort(reason);
    expect(await failed).toBe(reason);
    await until(() => count(row.journal(), "cancelled", { tool: "hang" }) === 1, "the call was cancelled");
    const told = count(row.journal(), "notification", { method: "notifications/cancelled" });
    expect(told).toBe(isModern && transport !== "stdio" ? 0 : 1);
    expect(textOf(await client.callTool("s", "echo", { text: "on" }))).toBe("on");
  });

  const asks = isModern ? "input_required" : spoken < "2025-06-18" ? "roots" : "elicitation";
  test(`${asks}: the server is answered by onServerRequest, in its call`, { timeout }, async () => {
    await heard();
    asked.length = 0;
    const isElicited = asks !== "roots";
    const result = await client.callTool("s", isElicited ? "elicit" : "roots", isElicited ? { message: "Who?" } : {});
    expect(textOf(result)).toContain(isElicited ? '"answer":"yes"' : "file:///project");
    expect(asked).toMatchObject([{ server: "s", method: isElicited ? "elicitation/create" : "roots/list" }]);
    expect(count(row.journal(), "request", { tool: isElicited ? "elicit" : "roots" })).toBe(isModern ? 2 : 1);
  });

  test("list change: it is told, and the list is read anew", { timeout }, async () => {
    await heard();
    await client.listTools("s");
    events.length = 0;
    const before = requests("tools/list");
    const order = { set: { tools: 2 }, action: "listChanged", list: "tools", count: 1 };
    await client.callTool("s", "chaos", order);
    await until(() => ofType(events, "listChanged").some(({ list }) => list === "tools"), "the change was told");
    const names = (await client.listTools("s")).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["generated_0", "generated_1"]));
    expect(requests("tools/list")).toBeGreaterThan(before);
  });

  test("restart: the next calls are answered by the server that was started again", { timeout }, async () => {
    await row.restart(client);
    const echo = (text: string) => client.callTool("s", "echo", { text }, { idempotent: true });
    const results = await Promise.all([echo("a"), echo("b"), echo("c")]);
    expect(results.map(textOf)).toEqual(["a", "b", "c"]);
    expectHandshakes(2);
    expect(statusOf(client, "s")).toMatchObject({ protocol: spoken, health: "healthy" });
  });
});
