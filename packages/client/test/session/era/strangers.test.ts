import { writeFileSync } from "node:fs";
import { startChaosServer } from "@minion/chaos";
import { describe, expect, onTestFinished, test } from "vitest";
import { InputRequiredError, type StdioServer } from "../../../src/index.js";
import { ofType, rejection, start, statusOf, until } from "../../support.js";
import { count, quick, textOf } from "../../support-client.js";
import { temporaryFolder } from "../support.js";
import { type Answer, discovered, eraServer, initialized } from "./era-server.js";
import { eraChaos, grants } from "./modern-chaos.js";

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;

type Era = "modern" | "legacy";

const unknown: Answer = { error: { code: -32601, message: "Method not found" } };

/** How a server of one era refuses what belongs to the other, in each way that was seen. */
const refusalsOf: { readonly [E in Era]: readonly (readonly [string, Answer])[] } = {
  modern: [
    ["-32022", { status: 400, error: { code: -32022, message: "no", data: { supported: ["2026-07-28"] } } }],
    ["-32601", { status: 404, error: { code: -32601, message: "Method not found" } }],
    ["-32602", { status: 400, error: { code: -32602, message: "_meta is missing" } }],
    ["a plain 400", { status: 400, text: "Bad Request" }],
  ],
  legacy: [
    ["-32022", { status: 400, error: { code: -32022, message: "no", data: { supported: ["2025-11-25"] } } }],
    ["-32022 by 200", { error: { code: -32022, message: "no", data: { supported: ["2025-11-25"] } } }],
    ["a plain 400", { status: 400, text: "Server not initialized" }],
    ["a plain 404", { status: 404, text: "Session not found" }],
  ],
};

function isOfToday(params: Readonly<Record<string, unknown>>): boolean {
  return Object(params._meta)["io.modelcontextprotocol/protocolVersion"] !== undefined;
}

describe("a server over HTTP that becomes one of the other era", () => {
  const changes = (["modern", "legacy"] as const).flatMap((to) =>
    refusalsOf[to].map(([how, refusal]) => ({ to, how, refusal })),
  );

  test.each(changes)("M19: $to, and refuses by $how, is found again by the next call", { timeout }, async (change) => {
    const { to, refusal } = change;
    let speaks: Era = to === "modern" ? "legacy" : "modern";
    const server = await eraServer(({ method, params }) => {
      if (isOfToday(params) !== (speaks === "modern")) return speaks === to ? refusal : unknown;
      return method === "tools/call" ? { result: { content: [{ type: "text", text: speaks }] } } : undefined;
    });
    const { client } = start({ s: { url: server.url, type: "http", ...policy } });
    expect(textOf(await client.callTool("s", "any"))).toBe(speaks);
    speaks = to;
    // Nothing was run, so that nothing has to be safe.
    const call = (): Promise<string> => client.callTool("s", "any").then(textOf);
    // A server without sessions that refuses by the words of JSON-RPC may be believed at the next call only.
    expect(await call().catch(call)).toBe(to);
    expect(statusOf(client, "s").protocol).toBe(to === "modern" ? "2026-07-28" : "2025-11-25");
    expect(statusOf(client, "s").breaker).toMatchObject({ state: "closed" });
  });

  test("M19: a dual server that comes back as one of the older revisions, and the other way round", {
    timeout,
  }, async () => {
    const server = await startChaosServer({ protocol: "dual" });
    onTestFinished(() => server.close());
    const { client } = start({ chaos: { url: server.url, ...policy } });
    for (const protocol of ["dual", "legacy", "modern", "legacy", "dual"] as const) {
      server.set({ protocol });
      server.forgetSessions();
      const results = await Promise.all(
        ["a", "b", "c"].map((text) => client.callTool("chaos", "echo", { text }, { idempotent: true })),
      );
      expect(results.map(textOf)).toEqual(["a", "b", "c"]);
      // A server of both that was one of the older revisions is still spoken to as that.
      if (protocol !== "dual")
        expect(statusOf(client, "chaos").protocol).toBe(protocol === "modern" ? "2026-07-28" : "2025-11-25");
    }
  });

  test("M19: a server of nothing but revisions to come says which they are", { timeout }, async () => {
    let isNewer = false;
    const refusal = { status: 400, error: { code: -32022, message: "no", data: { supported: ["2031-01-01"] } } };
    const server = await eraServer(() => (isNewer ? refusal : undefined));
    const { client } = start({ s: { url: server.url, ...policy, retry: false } });
    await client.callTool("s", "any");
    isNewer = true;
    const told = { code: "ERR_MCP_CONNECT", message: expect.stringContaining("2031-01-01") };
    expect(await rejection(client.callTool("s", "any"))).toMatchObject(told);
  });
});

describe("a process that comes back as one of the other era", () => {
  /** A program that speaks what a file says, and ends when it is asked to. */
  function changing(file: string): StdioServer {
    const script = `
      const fs = require("node:fs"); const era = fs.readFileSync(${JSON.stringify(file)}, "utf8");
      const send = (id, answer) => fs.writeSync(1, JSON.stringify({ jsonrpc: "2.0", id, ...answer }) + "\\n");
      const known = { modern: ["server/discover"], legacy: ["initialize"], dual: ["server/discover", "initialize"] }[era];
      require("node:readline").createInterface(process.stdin).on("line", (line) => {
        const { id, method, params } = JSON.parse(line);
        if (id === undefined) return;
        if (method === "tools/call" && params.name === "end") process.exit(0);
        if (method === "tools/call") return send(id, { result: { content: [{ type: "text", text: era }] } });
        if (!known.includes(method)) return send(id, { error: { code: -32601, message: "Method not found" } });
        send(id, { result: method === "initialize" ? ${JSON.stringify(initialized)} : ${JSON.stringify(discovered)} });
      });`;
    return { command: process.execPath, args: ["-e", script] };
  }

  test("M19: it is found to be that by the next call", { timeout }, async () => {
    const file = `${temporaryFolder()}/era`;
    writeFileSync(file, "dual");
    // Each end of the process is a failure of the server.
    const { client } = start({ s: { ...changing(file), ...policy, breaker: false } });
    expect(textOf(await client.callTool("s", "any"))).toBe("dual");
    for (const era of ["legacy", "modern", "legacy", "dual", "modern"]) {
      writeFileSync(file, era);
      await rejection(client.callTool("s", "end"));
      expect(textOf(await client.callTool("s", "any", {}, { idempotent: true }))).toBe(era);
      if (era !== "dual") expect(statusOf(client, "s").protocol).toBe(era === "modern" ? "2026-07-28" : "2025-11-25");
    }
  });
});

describe("garbage in answer to server/discover", () => {
  const junk = { toString: 1, valueOf: null };
  test.each<[string, Answer]>([
    ["an empty result", { result: {} }],
    ["versions that are a text", { result: { supportedVersions: "2026-07-28" } }],
    ["versions that are none", { result: { supportedVersions: [null, 7, junk, []] } }],
    ["no versions", { result: { supportedVersions: [] } }],
    ["an error of junk", { error: { code: -32022, message: "no", data: { supported: [junk, null] } } }],
    ["an error whose data are a list", { error: { code: -32022, message: "no", data: [] } }],
    ["an endless list of versions", { result: { supportedVersions: Array(100_000).fill("2025-11-25") } }],
  ])("M19: %s means an older revision", { timeout }, async (_what, answer) => {
    const server = await eraServer(({ method }) => (method === "server/discover" ? answer : undefined));
    const { client } = start({ s: { url: server.url, ...policy } });
    await client.callTool("s", "any");
    expect(statusOf(client, "s").protocol).toBe("2025-11-25");
  });

  test("M19: what is junk beside the revision is left out", { timeout }, async () => {
    const odd = {
      supportedVersions: [junk, "2026-07-28"],
      capabilities: [],
      instructions: 7,
      _meta: {},
      serverInfo: "x",
    };
    const server = await eraServer(({ method }) => (method === "server/discover" ? { result: odd } : undefined));
    const { client } = start({ s: { url: server.url, ...policy } });
    await client.callTool("s", "any");
    expect(await client.serverInfo("s")).toMatchObject({ protocol: "2026-07-28", instructions: undefined, name: "" });
  });

  test.each<[string, Answer]>([
    ["nothing", { status: 202, text: "" }],
    ["a page", { text: "<html>" }],
    ["half a message", { text: '{"jsonrpc":', headers: { "content-type": "application/json" } }],
    ["a list", { text: "[]", headers: { "content-type": "application/json" } }],
    ["null", { text: "null", headers: { "content-type": "application/json" } }],
    ["a stream that ends", { text: "", headers: { "content-type": "text/event-stream" } }],
  ])(
    "M19: a server that always answers it by %s is spoken to as an older one, in time",
    {
      timeout,
    },
    async (_what, answer) => {
      const server = await eraServer(({ method }) => (method === "server/discover" ? answer : undefined));
      const { client } = start({ s: { url: server.url, type: "http", ...policy } });
      await client.callTool("s", "any", {}, { idempotent: true });
      expect(statusOf(client, "s").protocol).toBe("2025-11-25");
      expect(server.count("server/discover")).toBe(2);
    },
  );
});

describe("subscriptions that end all the time", () => {
  test("M8, M19: are asked for ever less often, and calls and lists go on", { timeout }, async () => {
    const server = await eraChaos("http", "modern", { streamLifeMs: 1 });
    const { client } = start({ chaos: { ...server.config, ...policy } });
    const begun = performance.now();
    await client.listTools("chaos");
    for (let round = 1; round <= 4; round += 1) {
      await until(() => grants(server.journal()).length >= round, "another subscription was granted");
      expect((await client.listTools("chaos")).length).toBeGreaterThan(10);
      expect(textOf(await client.callTool("chaos", "echo", { text: "on" }))).toBe("on");
    }
    // At least half of 0.4 s, 0.8 s and 1.6 s lie between four of them.
    expect(performance.now() - begun).toBeGreaterThan(1_300);
    expect(statusOf(client, "chaos")).toMatchObject({ health: "healthy" });
  });
});

describe("input_required", () => {
  test("M19: without end and without a question ends by itself", { timeout }, async () => {
    const server = await eraChaos("http");
    const { client } = start({ chaos: { ...server.config, ...policy } }, { onServerRequest: async () => ({}) });
    const failed = client.callTool("chaos", "ask", { kinds: [], rounds: 1_000_000 });
    expect(await rejection(failed)).toBeInstanceOf(InputRequiredError);
    expect(count(server.journal(), "request", { tool: "ask" })).toBe(11);
  });

  test("M19: a state of megabytes comes back as it was, and is in no message", { timeout }, async () => {
    const requestState = `${'"\\\u2028\u{1f600}'.repeat(300_000)}end`;
    const returned: unknown[] = [];
    const server = await eraServer(({ method, params }) => {
      if (method !== "tools/call") return undefined;
      if (params.requestState === undefined) return { result: { resultType: "input_required", requestState } };
      returned.push(params.requestState);
      return { result: { resultType: "complete", content: [{ type: "text", text: "done" }] } };
    });
    const alone = start({ s: { url: server.url, ...policy } }).client;
    const error = await rejection(alone.callTool("s", "any"));
    expect(error).toBeInstanceOf(InputRequiredError);
    expect(Reflect.get(Object(error), "requestState") === requestState).toBe(true);
    expect(String(error).length).toBeLessThan(2_001);
    const { client, events } = start({ s: { url: server.url, ...policy } }, { onServerRequest: async () => ({}) });
    expect(textOf(await client.callTool("s", "any"))).toBe("done");
    expect(returned.map((one) => one === requestState)).toEqual([true]);
    expect(JSON.stringify(events).length).toBeLessThan(10_000);
  });

  test("M7, M19: a state beyond maxMessageBytes fails its call, and the next one works", { timeout }, async () => {
    let isHuge = true;
    const requestState = "x".repeat(2_000_000);
    const server = await eraServer(({ method }) => {
      if (method !== "tools/call" || !isHuge) return undefined;
      return { result: { resultType: "input_required", requestState } };
    });
    const { client } = start({ s: { url: server.url, ...policy, maxMessageBytes: 1_000_000 } });
    expect(await rejection(client.callTool("s", "any"))).toMatchObject({ code: "ERR_MCP_MESSAGE_TOO_LARGE" });
    isHuge = false;
    await client.callTool("s", "any");
  });
});

describe("progress for unknown tokens", () => {
  const progress = (progressToken: unknown): string => {
    const message = { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken, progress: 1 } };
    return `data: ${JSON.stringify(message)}\n\n`;
  };

  test("M13, M19: is no progress of a call, and hurts nobody", { timeout }, async () => {
    const strange = [-1, 0, "", "no such", null, {}, [], "__proto__", 1e300, undefined];
    const server = await eraServer(({ method, params, id }) => {
      if (method !== "tools/call") return undefined;
      const own = Object(params._meta).progressToken;
      const result = { jsonrpc: "2.0", id, result: { resultType: "complete", content: [] } };
      const text = [...strange.map(progress), own === undefined ? "" : progress(own), ...strange.map(progress)].join(
        "",
      );
      return { text: `${text}data: ${JSON.stringify(result)}\n\n`, headers: { "content-type": "text/event-stream" } };
    });
    const { client, events } = start({ s: { url: server.url, ...policy } });
    const told: number[] = [];
    await client.callTool("s", "any", {}, { onProgress: ({ progress: one }) => told.push(one) });
    expect(told).toEqual([1]);
    await client.callTool("s", "any");
    expect(told).toEqual([1]);
    expect(ofType(events, "callFinished").map(({ outcome }) => outcome)).toEqual(["success", "success"]);
  });
});
