import { chaosCommand, startChaosServer } from "@minion/chaos";
import { expect, test, vi } from "vitest";
import { answerOf, legacyClient, modernClient, post, startGateway } from "./support.js";

test("G12: closing the stream of a modern call ends the call of the server", async () => {
  await using chaos = await startChaosServer();
  const { url } = await startGateway({ chaos: { url: chaos.url } });
  const gone = new AbortController();
  const call = post(url, "tools/call", { name: "mcp_chaos_hang", arguments: {} }, { signal: gone.signal });
  await vi.waitFor(() => expect(chaos.journal()).toContainEqual(expect.objectContaining({ tool: "hang" })), 20_000);
  gone.abort();
  await expect(call).rejects.toThrow();
  await vi.waitFor(
    () => expect(chaos.journal()).toContainEqual(expect.objectContaining({ event: "cancelled", tool: "hang" })),
    20_000,
  );
});

test("G12: a client of the legacy era that goes away ends no call", async () => {
  await using chaos = await startChaosServer();
  const { url, gateway } = await startGateway({ chaos: { url: chaos.url } });
  const gone = new AbortController();
  const call = fetch(url, {
    method: "POST",
    signal: gone.signal,
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "mcp_chaos_slow", arguments: { ms: 300 } },
    }),
  });
  await vi.waitFor(() => expect(chaos.journal()).toContainEqual(expect.objectContaining({ tool: "slow" })), 20_000);
  gone.abort();
  await expect(call).rejects.toThrow();
  await vi.waitFor(() => expect(gateway.status().calls).toBe(0), 20_000);
  await vi.waitFor(() => expect(gateway.status().servers[0]?.calls.succeeded).toBeGreaterThan(0), 20_000);
  expect(chaos.journal().filter(({ event }) => event === "cancelled")).toEqual([]);
});

test("G13: a reply of the legacy era begins with its first message, so that a dead replica is noticed", async () => {
  await using chaos = await startChaosServer();
  const { url, http } = await startGateway({ chaos: { url: chaos.url } });
  const client = await legacyClient(url);
  const call = client.request("tools/call", { name: "mcp_chaos_hang", arguments: {} }, { timeout: 60_000 });
  const ended = expect(call).rejects.toThrow(/fetch failed/);
  await vi.waitFor(() => expect(chaos.journal()).toContainEqual(expect.objectContaining({ tool: "hang" })), 20_000);
  http.closeAllConnections();
  await ended;
});

test("G17: an unknown or denied name is -32602, at the call as at the list, for tools, prompts, resources and completion", async () => {
  await using chaos = await startChaosServer();
  const { url } = await startGateway(
    { chaos: { url: chaos.url } },
    {
      tools: { chaos: { allow: ["echo", "add"], deny: ["add"] } },
      prompts: { chaos: { allow: [] } },
      resources: { chaos: { deny: ["*"] } },
    },
  );
  const client = await modernClient(url);
  expect(Object(await client.request("tools/list")).tools).toMatchObject([{ name: "mcp_chaos_echo" }]);
  expect(Object(await client.request("prompts/list")).prompts).toEqual([]);
  expect(Object(await client.request("resources/list")).resources).toEqual([]);
  expect(Object(await client.request("resources/templates/list")).resourceTemplates).toEqual([]);
  const before = chaos.journal().length;
  for (const [method, params] of [
    ["tools/call", { name: "mcp_chaos_add", arguments: { a: 1, b: 1 } }],
    ["tools/call", { name: "mcp_chaos_sideEffect", arguments: { key: "a" } }],
    ["tools/call", { name: "echo", arguments: {} }],
    ["tools/call", { name: "mcp_other_echo", arguments: {} }],
    ["prompts/get", { name: "mcp_chaos_prompt_0" }],
    ["resources/read", { uri: "chaos+chaos://text/a" }],
    ["resources/read", { uri: "chaos://text/a" }],
    ["completion/complete", { ref: { type: "ref/prompt", name: "mcp_chaos_p" }, argument: { name: "a", value: "" } }],
    [
      "completion/complete",
      { ref: { type: "ref/resource", uri: "chaos+chaos://text/{word}" }, argument: { name: "word", value: "" } },
    ],
  ] as const)
    expect([params, await answerOf(await post(url, method, params))]).toMatchObject([
      params,
      { error: { code: -32602 } },
    ]);
  const later = chaos.journal().slice(before);
  expect(later.filter((entry) => entry.event === "request" && !entry.method.endsWith("/list"))).toEqual([]);
});

test("G11: an error of the client is -32603 and says what is known, without what the server wrote to stderr", async () => {
  const { command, args, env } = chaosCommand({ faults: { failStart: "the word is hunter2" } });
  const { url } = await startGateway({ dead: { command, args, env: { ...env }, retry: false } });
  const { error } = await answerOf(await post(url, "tools/call", { name: "mcp_dead_echo", arguments: {} }));
  expect(error).toMatchObject({ code: -32603, data: { server: "dead", delivery: "not-sent" } });
  expect(Object(error).data.code).toMatch(/^ERR_MCP_/);
  expect(JSON.stringify(error)).not.toContain("hunter2");
});

test("G1: each request of either era is answered by any replica, whoever answered the one before", async () => {
  await using chaos = await startChaosServer();
  const replicas = await Promise.all([1, 2, 3].map(() => startGateway({ chaos: { url: chaos.url } })));
  let next = 0;
  // A balancer without stickiness: each request goes to another replica.
  const balanced = Object.assign(
    (input: string | URL | Request, init?: RequestInit) => {
      next += 1;
      const { url } = replicas[next % replicas.length] ?? { url: "" };
      return realFetch(input instanceof Request ? new Request(url, input) : url, init);
    },
    { original: globalThis.fetch },
  );
  const realFetch = globalThis.fetch;
  vi.stubGlobal("fetch", balanced);
  try {
    const clients = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        index % 2 === 0 ? legacyClient("http://127.0.0.1:1/mcp") : modernClient("http://127.0.0.1:1/mcp"),
      ),
    );
    for (const client of clients) {
      expect(Object(await client.request("tools/list")).tools.length).toBeGreaterThan(10);
      for (let call = 0; call < 4; call += 1) {
        const text = `call ${call}`;
        const result = await client.request("tools/call", { name: "mcp_chaos_echo", arguments: { text } });
        expect(result.content).toMatchObject([{ text }]);
      }
    }
  } finally {
    vi.unstubAllGlobals();
  }
});

test("G13: a request ends by the deadline of its server, and says so", async () => {
  await using chaos = await startChaosServer();
  const { url } = await startGateway({ chaos: { url: chaos.url, callTimeoutMs: 3_000 } });
  const { error } = await answerOf(await post(url, "tools/call", { name: "mcp_chaos_hang", arguments: {} }));
  const data = { code: "ERR_MCP_TIMEOUT", server: "chaos", delivery: "sent" };
  expect(error).toMatchObject({ code: -32603, data });
});
