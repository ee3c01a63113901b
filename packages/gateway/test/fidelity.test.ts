import { startChaosServer } from "@minion/chaos";
import { describe, expect, test } from "vitest";
import { type AnyClient, legacyClient, modernClient, startGateway } from "./support.js";

/** What one request ends with: its result or its error, and its progress. */
interface Ended {
  readonly result?: unknown;
  readonly error?: { readonly code: unknown; readonly message: string; readonly data: unknown };
  readonly progress: readonly unknown[];
}

async function end(client: AnyClient, method: string, params: Record<string, unknown>): Promise<Ended> {
  const progress: unknown[] = [];
  try {
    const result = await client.request(method, params, { onprogress: (one) => progress.push(one) });
    return { result, progress };
  } catch (error) {
    const { code, message, data } = Object(error);
    return { error: { code, message, data }, progress };
  }
}

const extraTools = [
  {
    name: "odd",
    description: "Has members that no schema knows",
    _meta: { "example.com/kept": [1, { two: null }] },
    annotations: { readOnlyHint: true, unknownHint: "kept" },
    result: {
      content: [
        { type: "resource_link", uri: "chaos://text/a", name: "a", extra: { kept: true } },
        { type: "resource", resource: { uri: "chaos://text/b", text: "b", extra: 1 }, extra: [2] },
        { type: "text", text: "t", annotations: { audience: ["user"], extra: true }, _meta: { kept: true } },
      ],
      structuredContent: { a: [1, null, { b: "c" }] },
      _meta: { "example.com/result": { kept: 1 } },
      extra: "kept",
    },
  },
  { name: "refuses", error: { code: -32123, message: "its own words", data: { kept: [null, 1] } } },
];

const calls: readonly (readonly [method: string, params: Record<string, unknown>])[] = [
  ["tools/list", {}],
  ["prompts/list", {}],
  ["resources/list", {}],
  ["resources/templates/list", {}],
  ["tools/call", { name: "echo", arguments: { text: "héllo" } }],
  ["tools/call", { name: "add", arguments: { a: 1, b: 2 } }],
  ["tools/call", { name: "fail", arguments: {} }],
  ["tools/call", { name: "content", arguments: {} }],
  ["tools/call", { name: "structured", arguments: {} }],
  ["tools/call", { name: "badStructured", arguments: {} }],
  ["tools/call", { name: "progress", arguments: { steps: 3, ms: 1 } }],
  ["tools/call", { name: "rpcError", arguments: { code: -32050, message: "no" } }],
  ["tools/call", { name: "rpcError", arguments: { code: -32602, message: "bad" } }],
  ["tools/call", { name: "rpcError", arguments: { code: 7, message: "seven" } }],
  ["tools/call", { name: "nowhere", arguments: {} }],
  ["tools/call", { name: "big", arguments: { bytes: 300_000 } }],
  ["tools/call", { name: "odd", arguments: {} }],
  ["tools/call", { name: "refuses", arguments: {} }],
  [
    "completion/complete",
    { ref: { type: "ref/resource", uri: "chaos://text/{word}" }, argument: { name: "word", value: "a" } },
  ],
];

/** The same request for the gateway: the names and URIs of section 6 of its design. */
function forGateway(params: Record<string, unknown>): Record<string, unknown> {
  const { name, uri, ref } = params;
  return {
    ...params,
    ...(typeof name === "string" && { name: `mcp_chaos_${name}` }),
    ...(typeof uri === "string" && { uri: `chaos+${uri}` }),
    ...(typeof ref === "object" && { ref: forGateway(Object(ref)) }),
  };
}

/** What came through the gateway with the names and URIs of the server, and without what the wire of an era adds. */
function asDirect(text: unknown): unknown {
  return JSON.parse(
    JSON.stringify(text, (key, value: unknown) => {
      if (key === "ttlMs" || key === "cacheScope" || key === "resultType") return undefined;
      if (key === "io.modelcontextprotocol/serverInfo") return undefined;
      if (key === "_meta" && Object.keys(Object(asDirect(value))).length === 0) return undefined;
      return typeof value === "string" ? value.replace(/^mcp_chaos_/, "").replace(/^chaos\+/, "") : value;
    }) ?? "null",
  );
}

/**
 * The SDK writes -32602 for -32002, which revision 2026-07-28 has replaced by it. It also writes the code before the words,
 * more than once where several of its layers do; the chaos server does so in the legacy era only.
 */
function normal({ error, ...ended }: Ended): Ended {
  if (error === undefined) return ended;
  const message = error.message.replace(/^(MCP error -?\d+: )+/, "");
  return { ...ended, error: { ...error, message, code: error.code === -32002 ? -32602 : error.code } };
}

describe.each([
  ["SDK v1", legacyClient],
  ["SDK v2 in the modern era", (url: string) => modernClient(url)],
  ["SDK v2 in the legacy era", (url: string) => modernClient(url, "legacy")],
])("a client of %s", (_, connect) => {
  test("G11: gets the same through the gateway as directly, but for names and URIs", async () => {
    await using chaos = await startChaosServer({ faults: { extraTools, reply: "sse" } });
    const { url } = await startGateway({ chaos: { url: chaos.url } });
    const [direct, through] = await Promise.all([connect(chaos.url), connect(url)]);
    const prompts = Object(await direct.request("prompts/list")).prompts;
    const resources = Object(await direct.request("resources/list")).resources;
    const more = [
      ["prompts/get", { name: prompts[0].name, arguments: {} }],
      ["resources/read", { uri: resources[0].uri }],
      ["resources/read", { uri: "chaos://text/word" }],
      ["resources/read", { uri: "chaos://nowhere" }],
    ] as const;
    for (const [method, params] of [...calls, ...more]) {
      const [expected, got] = [await end(direct, method, params), await end(through, method, forGateway(params))];
      expect([method, params, asDirect(normal(got))]).toEqual([method, params, asDirect(normal(expected))]);
    }
  });
});

test("G11: a list keeps the order of the configuration, then that of the server", async () => {
  await using one = await startChaosServer({ faults: { tools: 2 } });
  await using two = await startChaosServer({ faults: { tools: 2 } });
  const { url } = await startGateway({ zed: { url: one.url }, alpha: { url: two.url } });
  const client = await legacyClient(url);
  const names = Object(await client.request("tools/list")).tools.map(({ name }: { name: string }) => name);
  const direct = Object(await (await legacyClient(one.url)).request("tools/list")).tools;
  const own = direct.map(({ name }: { name: string }) => name);
  expect(names).toEqual([
    ...own.map((name: string) => `mcp_zed_${name}`),
    ...own.map((name: string) => `mcp_alpha_${name}`),
  ]);
});
