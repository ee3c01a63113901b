import type { Step } from "../step.js";

/** Everything that happened stands in /metrics, in Prometheus' own format. */
export const scrape: Step = {
  id: "metrics",
  title: "Metrics: all of it, for Prometheus",
  async run({ client, metricsUrl }) {
    const response = await fetch(metricsUrl);
    const text = await response.text();
    const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    const total = (name: string): number =>
      samples
        .filter((line) => line.startsWith(`${name}{`))
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    const calls = total("mcp_client_calls_total");
    const counted = client.status().reduce((sum, server) => sum + server.calls.total, 0);
    return {
      ok: response.ok && calls > 0 && calls === counted,
      says: `${samples.length} series at ${metricsUrl}; ${calls} calls counted, ${total("mcp_client_calls_failed_total")} failed`,
      figures: { series: samples.length, calls, failed: total("mcp_client_calls_failed_total") },
    };
  },
};
