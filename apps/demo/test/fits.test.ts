import { CircuitBreaker } from "@minion/breaker";
import { Cache } from "@minion/cache";
import { MinionClient } from "@minion/client";
import { Metrics } from "@minion/metrics";
import { Pool } from "@minion/pool";
import { expect, test } from "vitest";

test("what metrics watches is what pool, cache, breaker and client are, types included", async () => {
  const pool = new Pool({ create: async () => ({}) });
  const cache = new Cache<string>();
  const breaker = new CircuitBreaker({ name: "fits" });
  const client = new MinionClient({ servers: { idle: { command: "never-started" } } });
  const metrics = new Metrics().watchPool(pool).watchCache(cache).watchBreaker(breaker).watchClient(client);
  await pool.use("key", () => undefined);
  cache.set("key", "value");
  const text = await metrics.text();
  expect(text).toMatch(/^mcp_pool_connections\{.*\} 1$/m);
  expect(text).toMatch(/^mcp_cache_entries.* 1$/m);
  expect(text).toMatch(/^mcp_circuit_breaker_state\{.*closed.*\} 1$/m);
  expect(text).toMatch(/^mcp_client_connected\{server="idle"\} 0$/m);
  expect(text).not.toMatch(/^mcp_metrics_collect_errors_total(\{.*\})? [1-9]/m);
  cache.close();
  await Promise.all([pool.close(), client.close()]);
});
