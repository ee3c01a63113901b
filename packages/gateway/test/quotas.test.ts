import { startChaosServer } from "@minion/chaos";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { answerOf, legacyClient, post, startGateway } from "./support.js";

test("R10: a call that a quota refuses is HTTP 429 in both eras, says when to come again, and costs no upstream work", async () => {
  await using chaos = await startChaosServer();
  const registry = new Registry();
  const asked: unknown[] = [];
  const { url } = await startGateway(
    { chaos: { url: chaos.url } },
    {
      registry,
      quota: async (call) => {
        asked.push(call);
        return asked.length === 1 ? { ok: true, remaining: 0 } : { ok: false, retryAfterMs: 1_400.5 };
      },
    },
  );
  const call = { name: "mcp_chaos_sideEffect", arguments: { key: "a" } };
  const granted = await post(url, "tools/call", call);
  expect([granted.status, granted.headers.get("retry-after")]).toEqual([200, null]);
  await granted.text();

  const refused = await post(url, "tools/call", call);
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "2"]);
  expect(await answerOf(refused)).toMatchObject({
    error: {
      code: -32603,
      message: "The quota is used up. Try again in 1401 ms.",
      data: { code: "ERR_GATEWAY_QUOTA", server: "chaos", delivery: "not-sent", retryAfterMs: 1_400.5 },
    },
  });
  const old = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/call", params: call }),
  });
  expect([old.status, old.headers.get("retry-after"), old.headers.get("content-type")]).toEqual([
    429,
    "2",
    "application/json",
  ]);
  expect(await old.json()).toMatchObject({ id: 7, error: { data: { retryAfterMs: 1_400.5 } } });
  const client = await legacyClient(url);
  await expect(client.request("tools/call", call)).rejects.toThrow(/The quota is used up/);
  // Lists are not counted.
  expect(await answerOf(await post(url, "tools/list"))).toHaveProperty("result");

  expect(asked).toHaveLength(4);
  expect(asked[0]).toEqual({ principal: undefined, server: "chaos", tool: "sideEffect" });
  expect(chaos.journal().filter(({ event }) => event === "sideEffect")).toHaveLength(1);
  expect(await registry.metrics()).toContain('minion_gateway_rejected_total{reason="quota"} 3');
});
