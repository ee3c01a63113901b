import { Client as ClientV2, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";
import type { HttpServer } from "../../../src/index.js";
import { ofType, rejection, start, statusOf, until } from "../../support.js";
import { count, quick, textOf } from "../../support-client.js";
import { eraServer } from "./era-server.js";
import { type EraChaos, eraChaos, transports } from "./modern-chaos.js";

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;

function rejections({ journal }: EraChaos): number {
  return count(journal(), "rejected");
}

describe.each(transports)("a server of revision 2026-07-28 over %s", (transport) => {
  test("M19: its tools are listed and called, and status() tells the revision", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    const tools = await client.listTools("chaos");
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(["echo", "region", "ask"]));
    expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }))).toBe("hello");
    expect(client.status()[0]?.protocol).toBe("2026-07-28");
    expect(await client.serverInfo("chaos")).toMatchObject({ name: "minion-chaos", protocol: "2026-07-28" });
    expect(count(server.journal(), "request", { method: "server/discover" })).toBe(1);
    // A process that is slow to start may be greeted besides.
    if (transport === "http") expect([count(server.journal(), "initialize"), rejections(server)]).toEqual([0, 0]);
  });

  test("M19: resources, prompts and completions are asked for as the revision says", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    expect(await client.listResources("chaos")).toHaveLength(2);
    expect(await client.listPrompts("chaos")).toHaveLength(2);
    expect(await client.listResourceTemplates("chaos")).toHaveLength(1);
    expect((await client.readResource("chaos", "chaos://text/wörd")).contents[0]).toMatchObject({ text: "wörd" });
    expect((await client.getPrompt("chaos", "prompt_0")).messages).toHaveLength(1);
    const completed = await client.complete("chaos", {
      ref: { type: "ref/resource", uri: "chaos://text/{word}" },
      argument: { name: "word", value: "al" },
    });
    expect(completed.completion.values).toEqual(["alpha"]);
    if (transport === "http") expect(rejections(server)).toBe(0);
  });

  test("M13: all progress is told in order before the result is", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    const told: unknown[] = [];
    const result = await client.callTool(
      "chaos",
      "progress",
      { steps: 20, ms: 0 },
      { onProgress: ({ progress, total }) => told.push([progress, total]) },
    );
    told.push(textOf(result));
    expect(told).toEqual([...Array.from({ length: 20 }, (_, index) => [index + 1, 20]), "20 steps"]);
  });

  test("M13: an abort rejects with its reason and reaches the server as a cancellation", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    const abort = new AbortController();
    const reason = new Error("not wanted any more");
    const failed = rejection(client.callTool("chaos", "hang", {}, { signal: abort.signal }));
    await until(() => count(server.journal(), "request", { tool: "hang" }) === 1, "the call arrived");
    abort.abort(reason);
    expect(await failed).toBe(reason);
    await until(() => count(server.journal(), "cancelled", { tool: "hang" }) === 1, "the call was cancelled");
    const told = count(server.journal(), "notification", { method: "notifications/cancelled" });
    if (transport === "http") expect(told).toBe(0);
    expect(textOf(await client.callTool("chaos", "echo", { text: "still there" }))).toBe("still there");
  });

  test("M13: an abort between two steps of progress is a cancellation too", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    const abort = new AbortController();
    const failed = rejection(
      client.callTool(
        "chaos",
        "progress",
        { steps: 1_000_000, ms: 1 },
        { signal: abort.signal, onProgress: () => abort.abort(new Error("enough")) },
      ),
    );
    expect(await failed).toMatchObject({ message: "enough" });
    await until(() => count(server.journal(), "cancelled", { tool: "progress" }) === 1, "the call was cancelled");
  });

  test("M19: capabilities of a call are declared for that call alone", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start(
      { chaos: { ...server.config, ...policy } },
      { onServerRequest: async () => ({ roots: [{ uri: "file:///project" }] }) },
    );
    const answered = await client.callTool("chaos", "roots", {}, { capabilities: { roots: {} } });
    expect(textOf(answered)).toContain("file:///project");
    expect(await rejection(client.callTool("chaos", "roots"))).toMatchObject({ code: -32021 });
  });

  test("M19: a list is kept for as long as its ttlMs says, for each principal", { timeout }, async () => {
    const server = await eraChaos(transport, "modern", {
      ttlMs: 3_600_000,
      cacheScope: "private",
      noListChanged: true,
    });
    const { client, events } = start({ chaos: { ...server.config, ...policy } });
    for (const principal of ["ann", "bob", "ann", "bob"]) await client.listTools("chaos", { principal });
    expect(count(server.journal(), "request", { method: "tools/list" })).toBe(2);
    expect(ofType(events, "listRefreshed")).toHaveLength(2);
  });

  test("M19: a list with ttlMs 0 is asked for each time", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    await client.listTools("chaos");
    await client.listTools("chaos");
    expect(count(server.journal(), "request", { method: "tools/list" })).toBe(2);
  });

  test("M19: a server that leaves out resultType, ttlMs and who it is is understood", { timeout }, async () => {
    const server = await eraChaos(transport, "modern", { bareResults: true });
    const { client } = start({ chaos: { ...server.config, ...policy } });
    expect((await client.listTools("chaos")).length).toBeGreaterThan(10);
    expect(textOf(await client.callTool("chaos", "add", { a: 2, b: 3 }))).toBe("5");
    expect(client.status()[0]?.protocol).toBe("2026-07-28");
  });
});

describe("parameters that are headers too", () => {
  const args = { region: "  Zürich ", count: 42, dry: false };

  test("M19: a call of a tool that was never listed lists once after -32020 and is sent again", {
    timeout,
  }, async () => {
    const server = await eraChaos("http");
    const { client } = start({ chaos: { ...server.config, ...policy, retry: false } });
    expect(JSON.parse(textOf(await client.callTool("chaos", "region", args)))).toEqual(args);
    expect(count(server.journal(), "rejected", { code: -32020, method: "tools/call" })).toBe(1);
    expect(count(server.journal(), "request", { method: "tools/list" })).toBe(1);
    expect(count(server.journal(), "request", { tool: "region" })).toBe(1);
    await client.callTool("chaos", "region", { region: "x" });
    expect(count(server.journal(), "rejected")).toBe(1);
    expect(count(server.journal(), "request", { method: "tools/list" })).toBe(1);
  });

  test("M19: request() and a session of one's own send them too, and list once after -32020", { timeout }, async () => {
    const server = await eraChaos("http");
    const { client } = start({ chaos: { ...server.config, ...policy, retry: false } });
    const params = { name: "region", arguments: args };
    const result = await client.request("chaos", "tools/call", params, { principal: "ann" });
    expect(JSON.parse(textOf(Object(result)))).toEqual(args);
    expect(count(server.journal(), "rejected", { code: -32020 })).toBe(1);
    await client.request("chaos", "tools/list", {}, { principal: "bob" });
    await client.request("chaos", "tools/call", params, { principal: "bob" });
    await using session = await client.session("chaos", { principal: "eve" });
    await session.callTool("region", args);
    await session.callTool("region", args);
    expect(count(server.journal(), "rejected", { code: -32020 })).toBe(2);
    expect(count(server.journal(), "request", { tool: "region" })).toBe(4);
  });

  test("M13, M19: a client of SDK v2 through connect sends them too, whichever of its connections listed", {
    timeout,
  }, async () => {
    const server = await eraChaos("http");
    const { url } = server.config as HttpServer;
    const connect = async (): Promise<ClientV2> => {
      const session = new ClientV2({ name: "v2", version: "1" }, { versionNegotiation: { mode: "auto" } });
      await session.connect(new StreamableHTTPClientTransport(new URL(url)));
      return session;
    };
    const { client } = start({ chaos: { connect, ...policy, retry: false } });
    expect(JSON.parse(textOf(await client.callTool("chaos", "region", args)))).toEqual(args);
    expect(count(server.journal(), "rejected", { code: -32020, method: "tools/call" })).toBe(1);
    expect(count(server.journal(), "request", { tool: "region" })).toBe(1);
    // Another client of the SDK has listed nothing.
    await using session = await client.session("chaos");
    expect(JSON.parse(textOf(await session.callTool("region", args)))).toEqual(args);
    const params = { name: "region", arguments: args };
    expect(JSON.parse(textOf(Object(await client.request("chaos", "tools/call", params))))).toEqual(args);
    expect(count(server.journal(), "rejected")).toBe(1);
    expect(statusOf(client, "chaos").protocol).toBe("2026-07-28");
  });

  test("M19: headers that stay wrong are an error after one more try", { timeout }, async () => {
    const requests: string[] = [];
    const refusal = { status: 400, error: { code: -32020, message: "Header mismatch" } };
    const server = await eraServer(({ method }) => {
      requests.push(method);
      return method === "tools/call" ? refusal : undefined;
    });
    const { client } = start({ s: { url: server.url, ...policy } });
    expect(await rejection(client.callTool("s", "any", {}, { idempotent: true }))).toMatchObject({ code: -32020 });
    expect(requests).toEqual(["server/discover", "tools/call", "tools/list", "tools/call"]);
    expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed", failures: 0 });
  });

  test("M19: a call of a listed tool has its headers at once, on whatever page the tool was", { timeout }, async () => {
    const server = await eraChaos("http", "modern", { pageSize: 3 });
    const { client } = start({ chaos: { ...server.config, ...policy } });
    await client.listTools("chaos");
    expect(JSON.parse(textOf(await client.callTool("chaos", "region", args)))).toEqual(args);
    expect(count(server.journal(), "rejected")).toBe(0);
  });

  test("M19: a tool that was listed for one principal alone is listed again for another", { timeout }, async () => {
    const server = await eraChaos("http");
    const { client } = start({ chaos: { ...server.config, ...policy } });
    await client.listTools("chaos", { principal: "ann" });
    await client.callTool("chaos", "region", args, { principal: "ann" });
    expect(count(server.journal(), "rejected")).toBe(0);
    await client.callTool("chaos", "region", args, { principal: "bob" });
    expect(count(server.journal(), "rejected", { code: -32020 })).toBe(1);
  });

  test("M19: over stdio they have no headers and are not asked for", { timeout }, async () => {
    const server = await eraChaos("stdio");
    const { client } = start({ chaos: { ...server.config, ...policy } });
    expect(JSON.parse(textOf(await client.callTool("chaos", "region", args)))).toEqual(args);
    expect(count(server.journal(), "request", { method: "tools/list" })).toBe(0);
  });
});
