import { labelValue } from "./label-value.js";
import type { Labels } from "./registry.js";
import type { HistogramSample } from "./samples.js";
import type { CallFinished } from "./sources.js";

/** The boundaries that the OpenTelemetry conventions for MCP ask for, in seconds. */
export const durationBounds: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];

/** The methods a client calls, of all revisions of MCP; another one counts as `_OTHER`. */
const methods: ReadonlySet<string> = new Set([
  "completion/complete",
  "initialize",
  "logging/setLevel",
  "ping",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/subscribe",
  "resources/templates/list",
  "resources/unsubscribe",
  "server/discover",
  "subscriptions/listen",
  "tools/call",
  "tools/list",
]);

/** Error types of one server that are told apart: JSON-RPC codes are chosen by the server. */
const maxErrorTypes = 8;

/** Is told the duration of each call, for a histogram elsewhere. */
export type DurationRecorder = (labels: Labels, seconds: number) => void;

/** The histogram of the calls of one kind. */
export interface DurationHistogram extends HistogramSample {
  readonly labels: Labels;
}

interface Histogram {
  readonly labels: Labels;
  readonly buckets: readonly { readonly bound: number; count: number }[];
  sum: number;
}

interface ServerCalls {
  readonly errorTypes: Set<string>;
  readonly tools: Set<string>;
  readonly children: Map<string, Histogram>;
}

type TimedCall = CallFinished & { readonly durationMs: number };

/**
 * Tells the one event that is recorded from the others, and from what is no event at all. A call that never waited for its
 * server, since the breaker or the queue refused it, has no duration.
 */
function isTimedCall(event: CallFinished | object): event is TimedCall {
  return (
    "type" in event &&
    event.type === "callFinished" &&
    "server" in event &&
    typeof event.server === "string" &&
    "durationMs" in event &&
    Number.isFinite(event.durationMs)
  );
}

/** The value, or `rest` once `known` holds `max` others: nobody chooses how many series there are. */
function bounded(value: string, known: Set<string>, max: number, rest: string): string {
  if (known.has(value)) return value;
  if (known.size >= max) return rest;
  known.add(value);
  return value;
}

/**
 * The duration of the calls of one client, the only thing that is observed while calls run: one bucket counted per
 * call. Names that come from servers are capped.
 */
export class CallDurations {
  readonly #servers = new Map<string, ServerCalls>();
  readonly #maxTools: number;
  readonly #present: () => ReadonlySet<string>;
  readonly #recorders: ReadonlySet<DurationRecorder>;

  /**
   * `present` names the servers there are. It is asked at the first call to each server. `recorders` may change while
   * this is in use; each is told every call.
   */
  constructor(maxTools: number, present: () => ReadonlySet<string>, recorders: ReadonlySet<DurationRecorder>) {
    this.#maxTools = maxTools;
    this.#present = present;
    this.#recorders = recorders;
  }

  /** Takes any event; records finished calls that waited for their server. */
  readonly record = (event: CallFinished | object): void => {
    if (!isTimedCall(event)) return;
    let calls = this.#servers.get(event.server);
    if (calls === undefined) {
      const present = this.#present();
      // A call that ends after its server was removed must not bring it back.
      if (!present.has(event.server)) return;
      // Where nobody scrapes, servers that come and go must not add up.
      this.#keep(present);
      calls = { errorTypes: new Set(), tools: new Set(), children: new Map() };
      this.#servers.set(event.server, calls);
    }
    const seconds = Math.max(0, event.durationMs) / 1000;
    const child = this.#child(calls, event);
    child.sum += seconds;
    for (const bucket of child.buckets) {
      if (seconds > bucket.bound) continue;
      bucket.count += 1;
      break;
    }
    if (this.#recorders.size > 0) for (const tell of this.#recorders) tell(child.labels, seconds);
  };

  /** The histograms of the servers named; those of all others are forgotten. */
  histograms(servers: ReadonlySet<string>): DurationHistogram[] {
    this.#keep(servers);
    const children = [...this.#servers.values()].flatMap((calls) => [...calls.children.values()]);
    return children.map(({ labels, buckets, sum }) => ({
      labels,
      bounds: durationBounds,
      counts: buckets.map(({ count }) => count),
      sum,
    }));
  }

  #keep(servers: ReadonlySet<string>): void {
    for (const name of this.#servers.keys()) if (!servers.has(name)) this.#servers.delete(name);
  }

  #child(calls: ServerCalls, event: CallFinished): Histogram {
    const method = methods.has(event.method) ? event.method : "_OTHER";
    const error = errorType(event);
    const boundedError = error === "" ? "" : bounded(error, calls.errorTypes, maxErrorTypes, "_OTHER");
    const tool =
      this.#maxTools > 0 && typeof event.tool === "string"
        ? bounded(event.tool, calls.tools, this.#maxTools, "other")
        : "";
    // Both are free text: the length tells where one ends.
    const key = `${method} ${boundedError.length} ${boundedError}${tool}`;
    let child = calls.children.get(key);
    if (child === undefined) {
      child = {
        labels: labelsOf(event.server, method, boundedError, tool),
        buckets: [...durationBounds, Number.POSITIVE_INFINITY].map((bound) => ({ bound, count: 0 })),
        sum: 0,
      };
      calls.children.set(key, child);
    }
    return child;
  }
}

/** Empty on success only: an empty label is an absent one, and without an `error_type` a call succeeded. */
function errorType({ outcome, errorType }: CallFinished): string {
  if (outcome === "success") return "";
  if (typeof errorType === "string" && errorType !== "") return errorType;
  return outcome === "cancelled" ? "cancelled" : "_OTHER";
}

function labelsOf(server: string, method: string, error: string, tool: string): Labels {
  return {
    server: labelValue(server),
    mcp_method_name: method,
    ...(error !== "" && { error_type: labelValue(error) }),
    ...(tool !== "" && { gen_ai_tool_name: labelValue(tool) }),
  };
}
