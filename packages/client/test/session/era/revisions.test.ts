import { type Faults, startChaosServer } from "@minion/chaos";
import { describe, expect, onTestFinished, test } from "vitest";
import { rejection, start, statusOf, until } from "../../support.js";
import { count, quick, textOf } from "../../support-client.js";
import { eraChaos, transports } from "./modern-chaos.js";

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;

describe.each(transports)("the revision over %s", (transport) => {
  test.each<[Faults["protocol"], string]>([
    ["modern", "2026-07-28"],
    ["dual", "2026-07-28"],
    ["legacy", "2025-11-25"],
  ])("M19: of a %s server is %s", { timeout }, async (protocol, expected) => {
    const server = await eraChaos(transport, protocol);
    const { client } = start({ chaos: { ...server.config, ...policy } });
    expect(statusOf(client, "chaos").protocol).toBeUndefined();
    expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }))).toBe("hello");
    expect(statusOf(client, "chaos").protocol).toBe(expected);
    expect((await client.serverInfo("chaos")).protocol).toBe(expected);
    // A process that is slow to start may be greeted before it has said what it speaks.
    if (transport === "http") expect(count(server.journal(), "initialize")).toBe(protocol === "legacy" ? 1 : 0);
  });

  test.each(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const)(
    "M19: is %s where the policy pins it",
    { timeout },
    async (protocol) => {
      const server = await eraChaos(transport, "dual");
      const { client } = start({ chaos: { ...server.config, ...policy, protocol } });
      expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }))).toBe("hello");
      expect(statusOf(client, "chaos").protocol).toBe(protocol);
      const isModern = protocol === "2026-07-28";
      expect(count(server.journal(), "initialize")).toBe(isModern ? 0 : 1);
      expect(count(server.journal(), "request", { method: "server/discover" })).toBe(isModern ? 1 : 0);
    },
  );

  test.each([
    ["2026-07-28", "legacy", { code: "ERR_MCP_CONNECT", delivery: "not-sent" }],
    ["2025-11-25", "modern", { code: -32022, data: { supported: ["2026-07-28"] } }],
  ] as const)(
    "M19: %s is not found in a %s server, and no other is spoken",
    {
      timeout,
    },
    async (protocol, spoken, told) => {
      const server = await eraChaos(transport, spoken);
      const { client } = start({ chaos: { ...server.config, ...policy, retry: false, protocol } });
      expect(await rejection(client.callTool("chaos", "echo", { text: "hello" }))).toMatchObject(told);
      expect(count(server.journal(), "request", { method: "tools/call" })).toBe(0);
    },
  );
});

describe("a server that crashes and starts again", () => {
  test.each(["modern", "dual"] as const)(
    "M3: safe calls to a %s process all succeed",
    { timeout },
    async (protocol) => {
      const server = await eraChaos("stdio", protocol, { flapCalls: 7 });
      const { client } = start({
        chaos: { ...server.config, ...policy, retry: { ...quick, maxAttempts: 20 }, breaker: false, maxConnections: 1 },
      });
      for (let index = 0; index < 12; index += 1) {
        const result = await client.callTool("chaos", "readOnly", {}, { idempotent: true });
        expect(result.isError).not.toBe(true);
      }
      expect(count(server.journal(), "spawn")).toBeGreaterThan(1);
      expect(statusOf(client, "chaos").protocol).toBe("2026-07-28");
    },
  );

  test("M4: a side effect of a process that dies after it is not repeated", { timeout }, async () => {
    const server = await eraChaos("stdio");
    const { client } = start({ chaos: { ...server.config, ...policy } });
    const failed = client.callTool("chaos", "crash", { when: "after", key: "once" });
    expect(await rejection(failed)).toMatchObject({ code: "ERR_MCP_OUTCOME_UNKNOWN" });
    expect(count(server.journal(), "sideEffect", { key: "once" })).toBe(1);
    expect(textOf(await client.callTool("chaos", "echo", { text: "back" }))).toBe("back");
  });

  test("M3: safe calls over HTTP all succeed while answers and sockets are lost", { timeout }, async () => {
    const server = await startChaosServer({ protocol: "modern" });
    onTestFinished(() => server.close());
    const { client } = start({ chaos: { url: server.url, ...policy, breaker: false } });
    for (const fault of [{ resetSocket: true }, { endStream: true }, { status: 503 }] as const) {
      server.set({ ...fault, only: "calls", when: "after", times: 1 });
      const options = { idempotent: true };
      expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }, options))).toBe("hello");
    }
    server.dropConnections();
    expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }, { idempotent: true }))).toBe("hello");
    expect(count(server.journal(), "request", { method: "server/discover" })).toBe(1);
  });
});

describe("a URL without type", () => {
  test.each(["legacy", "dual"] as const)(
    "M22: that is HTTP+SSE of a %s server is found, and remembered",
    {
      timeout,
    },
    async (protocol) => {
      const server = await startChaosServer({ protocol });
      onTestFinished(() => server.close());
      const { client } = start({ chaos: { url: server.sseUrl, ...policy, maxConnections: 2 } });
      expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }))).toBe("hello");
      expect(statusOf(client, "chaos").protocol).toBe("2025-11-25");
      const wrong = (): number => count(server.journal(), "http", { method: "POST", path: "/sse" });
      const before = wrong();
      expect(before).toBeGreaterThan(0);
      server.dropConnections();
      await until(() => !statusOf(client, "chaos").connected, "the connection was lost");
      expect(textOf(await client.callTool("chaos", "echo", { text: "again" }))).toBe("again");
      expect(wrong()).toBe(before);
    },
  );

  test.each(["legacy", "modern", "dual"] as const)(
    "M22: that is streamable HTTP of a %s server is used as that",
    {
      timeout,
    },
    async (protocol) => {
      const server = await startChaosServer({ protocol });
      onTestFinished(() => server.close());
      const { client } = start({ chaos: { url: server.url, ...policy } });
      expect(textOf(await client.callTool("chaos", "echo", { text: "hello" }))).toBe("hello");
      expect(count(server.journal(), "http", { path: "/sse" })).toBe(0);
    },
  );
});
