import { startChaosServer } from "@minion/chaos";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { post, startGateway } from "./support.js";

test("G20: requests are counted by method, server, outcome and era, and nothing of a caller becomes a label", async () => {
  await using chaos = await startChaosServer();
  const registry = new Registry();
  const { url } = await startGateway({ chaos: { url: chaos.url } }, { registry, maxConcurrentCalls: 5 });
  await (await post(url, "tools/list")).text();
  for (const name of ["mcp_chaos_echo", "mcp_chaos_fail", "mcp_chaos_rpcError", "made-up-by-a-caller"])
    await (await post(url, "tools/call", { name, arguments: { text: "a", code: -32050 } })).text();
  await (await post(url, "made/up")).text();
  await (await post(url, "tools/list", {}, { headers: { origin: "https://evil.example" } })).text();
  const text = await registry.metrics();
  for (const labels of [
    'method="tools/list",server="",outcome="success",era="modern"} 1',
    'method="tools/call",server="chaos",outcome="success",era="modern"} 1',
    'method="tools/call",server="chaos",outcome="tool_error",era="modern"} 1',
    'method="tools/call",server="chaos",outcome="error",era="modern"} 1',
    'method="tools/call",server="",outcome="error",era="modern"} 1',
    'method="other",server="",outcome="error",era="modern"} 1',
  ])
    expect(text).toContain(`minion_gateway_requests_total{${labels}`);
  expect(text).toContain('minion_gateway_rejected_total{reason="door"} 1');
  expect(text).not.toMatch(/made-up|made\/up|evil/);
});

test("G20: the trace of a caller continues at the server, from _meta or from the HTTP header", async () => {
  const received: unknown[] = [];
  const gatewayClient = await startGateway({
    spy: {
      connect: async () => ({
        request: async ({ method, params }: { method: string; params?: Record<string, unknown> }) => {
          received.push(params?._meta);
          return method === "tools/list" ? { tools: [] } : { content: [] };
        },
        callTool: async (params: { _meta?: Record<string, unknown> }) => {
          received.push(params._meta);
          return { content: [] };
        },
        listTools: async () => ({ tools: [] }),
        close: async () => {},
        getServerCapabilities: () => ({ tools: {} }),
      }),
    },
  });
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const call = { name: "mcp_spy_a", arguments: {} };
  await (await post(gatewayClient.url, "tools/call", call, { headers: { traceparent } })).text();
  await (await post(gatewayClient.url, "tools/call", { ...call, _meta: { traceparent } })).text();
  expect(received.filter((meta) => meta !== undefined)).toMatchObject([{ traceparent }, { traceparent }]);
});
