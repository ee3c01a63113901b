import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { GatewayStatus } from "./gateway-status.js";

/** How a request ended. */
export type Outcome = "success" | "tool_error" | "error" | "cancelled";

/** Why a request was not let in. */
export type Rejection = "door" | "auth" | "overloaded" | "draining" | "quota";

/** Other methods are counted as one, so that no caller makes labels. */
const methods = new Set([
  "tools/list",
  "tools/call",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "completion/complete",
]);

const labelNames = ["method", "server", "outcome", "era"] as const;

/** The metrics of a gateway. Their labels are names of methods and of configured servers, never anything of a caller. */
export class GatewayMetrics {
  readonly #requests: Counter<(typeof labelNames)[number]>;
  readonly #durations: Histogram<"method" | "server">;
  readonly #rejected: Counter<"reason">;

  constructor(registry: Registry, status: () => Pick<GatewayStatus, "ready" | "calls" | "streams">) {
    const registers = [registry];
    this.#requests = new Counter({
      name: "minion_gateway_requests_total",
      help: "MCP requests that were answered; server is empty for lists, which are of all servers.",
      labelNames,
      registers,
    });
    this.#durations = new Histogram({
      name: "minion_gateway_duration_seconds",
      help: "How long MCP requests took.",
      labelNames: ["method", "server"],
      buckets: [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 60],
      registers,
    });
    this.#rejected = new Counter({
      name: "minion_gateway_rejected_total",
      help: "HTTP requests that were not let in.",
      labelNames: ["reason"],
      registers,
    });
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value());
        },
      });
    };
    gauge("minion_gateway_in_flight", "HTTP requests that are being served.", () => status().calls);
    gauge("minion_gateway_streams", "Streams that wait for changes.", () => status().streams);
    gauge("minion_gateway_ready", "1 where every list was tried and no drain has begun.", () => Number(status().ready));
  }

  /** An MCP request has ended. `server` is empty where it was for all of them, or for none. */
  ended(method: string, server: string, outcome: Outcome, era: string, seconds: number): void {
    const known = methods.has(method) ? method : "other";
    this.#requests.inc({ method: known, server, outcome, era });
    this.#durations.observe({ method: known, server }, seconds);
  }

  rejected(reason: Rejection): void {
    this.#rejected.inc({ reason });
  }
}
