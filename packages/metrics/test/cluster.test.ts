import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { declared, family, seriesOf } from "./support.js";

const run = promisify(execFile);
const worker = fileURLToPath(new URL("cluster-worker.js", import.meta.url));
let text = "";

/** What prom-client makes of two real workers of `node:cluster`, as the README's recipe says. */
async function scrapeTwoWorkers(env: NodeJS.ProcessEnv = {}): Promise<string> {
  return (await run(process.execPath, [worker], { env: { ...process.env, ...env } })).stdout;
}

beforeAll(async () => {
  text = await scrapeTwoWorkers();
});

test("O6: counters, histograms and what is in use of two workers are summed", () => {
  const github = (name: string) => family(text, name)['{server="github"}'];
  expect(github("mcp_client_calls_total")).toBe("20");
  expect(github("mcp_cache_hits_total")).toBe("297");
  expect(github("mcp_cache_entries")).toBe("2");
  expect(github("mcp_client_calls_in_flight")).toBe("2");
  expect(family(text, "mcp_pool_acquires_total")).toEqual({ "": "10" });
  expect(family(text, "mcp_pool_acquire_duration_seconds_bucket")).toEqual({
    '{le="0.001"}': "8",
    '{le="+Inf"}': "10",
  });
  const calls = '{server="github",mcp_method_name="tools/call"}';
  expect(family(text, "mcp_client_operation_duration_seconds_count")).toEqual({ [calls]: "2" });
  expect(family(text, "mcp_pool_connections_total"), "an alias").toEqual({ "": "6" });
});

test("O6: states are counts of the workers that are in them", () => {
  const states = family(text, "mcp_circuit_breaker_state");
  expect(states['{server="github",state="open"}']).toBe("1");
  expect(states['{server="github",state="half_open"}']).toBe("1");
  expect(states['{server="github",state="closed"}']).toBe("0");
  expect(family(text, "mcp_client_server_health")['{server="github",state="healthy"}']).toBe("2");
});

test("O6: flags, list lengths and instants are those of one worker, the greatest", () => {
  expect(family(text, "mcp_client_connected")).toEqual({ '{server="github"}': "1" });
  expect(family(text, "mcp_client_tools_discovered")).toEqual({ '{server="github"}': "7" });
  const at = family(text, "mcp_circuit_breaker_last_transition_timestamp_seconds");
  expect(at).toEqual({ '{server="github"}': "2" });
});

test("O6: rates and numbers of states, which no sum and no mean makes true, are left out", () => {
  const names = declared(text);
  for (const name of ["mcp_client_error_rate", "mcp_cache_hit_rate", "cache_hit_rate", "circuit_breaker_state"])
    expect(names.has(name), name).toBe(false);
});

test("O6: what has no limit in each worker has none in both, though JSON cannot carry infinity", () => {
  expect(family(text, "mcp_pool_max_connections")).toEqual({ '{server="github"}': "+Inf" });
  expect(family(text, "mcp_cache_max_entries")).toEqual({ '{server="github"}': "+Inf" });
  expect(seriesOf(text).filter((line) => / (null|undefined|NaN|Nan)$/.test(line))).toEqual([]);
});

test("O6: a prefix changes nothing of that", async () => {
  const prefixed = await scrapeTwoWorkers({ PREFIX: "app_" });
  expect(family(prefixed, "app_client_calls_total")).toEqual({ '{server="github"}': "20" });
  expect(family(prefixed, "mcp_client_connected"), "an alias that keeps its name").toEqual({
    '{server="github"}': "1",
  });
});
