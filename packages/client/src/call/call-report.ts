import {
  context,
  ProxyTracerProvider,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Call, CallSubject, ServerTime } from "../call.js";
import type { CallOptions } from "../config/call-options.js";
import type { Transport } from "../config/policy.js";
import type { Deadline } from "../deadline.js";
import type { CallFinished, EventBody } from "../events.js";
import type { Failure } from "../session/failure.js";
import { boundedMessageOf, errorTypeOf } from "../untrusted.js";
import { type FailedCall, toldError } from "./public-error.js";

/** What a call is counted in. */
export interface CallFigures {
  callBegins(): void;
  callRetried(): void;
  /** It has ended, with `error` where it rejects. */
  callEnds(outcome: CallFinished["outcome"], error: unknown): void;
}

/** What a {@link CallReport} is about, and whom it tells. */
export interface CallReportOptions {
  readonly method: string;
  /** The tool or prompt that is asked for. */
  readonly target: string | undefined;
  readonly transport: () => Transport;
  readonly failed: FailedCall;
  readonly deadline: Deadline;
  readonly figures: CallFigures;
  readonly emit: (event: EventBody) => void;
}

/** What a call comes to: its value, and what it is called in events where the answer tells of an error. */
export interface Outcome<T> {
  readonly value: T;
  readonly errorType?: string | undefined;
}

/** How an answer is taken. */
export type Take<T> = (answer: unknown) => Outcome<T>;

/** The fields of a trace context, for `_meta` (`traceparent` ...). */
type TraceFields = Readonly<Record<string, string>> | undefined;

/** What is told of one call: to its caller, in the figures of its server, in events, and in a span where there is a tracer. */
export class CallReport {
  readonly #options: CallReportOptions;
  /** For whoever waits for the server. */
  readonly serverTime: ServerTime & { readonly ms: number | undefined } = new Latency();
  #attempts = 1;

  constructor(options: CallReportOptions) {
    this.#options = options;
    options.figures.callBegins();
  }

  /** Tells of `run`, which gets the fields of the trace context. Rejects with what the caller is told. */
  async of<T>(run: (fields: TraceFields) => Promise<Outcome<T>>): Promise<T> {
    try {
      const { value, errorType } = await (hasTracer() ? this.#traced(run) : run(undefined));
      this.#ended(errorType, undefined);
      return value;
    } catch (error) {
      const told = this.#told(error);
      this.#ended(this.#typeOf(told), told);
      throw told;
    }
  }

  retried(cause: Failure, attempt: number, delayMs: number): void {
    const { figures, emit } = this.#options;
    this.#attempts += 1;
    figures.callRetried();
    emit({ type: "retry", attempt, delayMs, errorType: errorTypeOf(this.#told(cause)) });
  }

  /** The error that the caller gets. */
  #told(error: unknown): unknown {
    return toldError(error, this.#options.failed);
  }

  /** What that error is called. A caller's reason may be anything; without a name of its own it is called an abort. */
  #typeOf(told: unknown): string {
    const type = errorTypeOf(told);
    return type === "_OTHER" && this.#options.deadline.end === "caller" ? "AbortError" : type;
  }

  #ended(errorType: string | undefined, told: unknown): void {
    const { method, target, deadline, figures, emit } = this.#options;
    const outcome = errorType === undefined ? "success" : deadline.end === "caller" ? "cancelled" : "error";
    figures.callEnds(outcome, told);
    const durationMs = this.serverTime.ms;
    const message = told === undefined ? undefined : boundedMessageOf(told);
    const tool = method === "tools/call" ? target : undefined;
    emit({ type: "callFinished", method, tool, durationMs, attempts: this.#attempts, outcome, errorType, message });
  }

  /** Inside a client span, as the OpenTelemetry conventions for MCP have it. */
  async #traced<T>(run: (fields: TraceFields) => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const { method, transport, failed } = this.#options;
    const target = this.#options.target && failed.secrets.mask(this.#options.target);
    const network = networkTransports[transport()];
    const name = target === undefined ? method : `${method} ${target}`;
    const span = trace.getTracer("@minion/client").startSpan(name, {
      kind: SpanKind.CLIENT,
      attributes: {
        "mcp.method.name": method,
        "mcp.server.name": failed.server,
        ...(network !== undefined && { "network.transport": network }),
        ...(method === "tools/call" &&
          target !== undefined && { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": target }),
        ...(method === "prompts/get" && target !== undefined && { "gen_ai.prompt.name": target }),
      },
    });
    const active = trace.setSpan(context.active(), span);
    const fields: Record<string, string> = {};
    propagation.inject(active, fields);
    try {
      const outcome = await context.with(active, () => run(Object.keys(fields).length === 0 ? undefined : fields));
      if (outcome.errorType !== undefined) markFailed(span, outcome.errorType);
      return outcome;
    } catch (error) {
      markFailed(span, this.#typeOf(this.#told(error)));
      throw error;
    } finally {
      span.end();
    }
  }
}

/**
 * The latency of a call: what it waited for its server. What it waited for on this side is not the server's: the queue, and
 * the pauses between attempts.
 */
class Latency implements ServerTime {
  #ms: number | undefined;
  #since: number | undefined;

  start(): void {
    this.#since ??= performance.now();
  }

  stop(): void {
    if (this.#since === undefined) return;
    // Never nothing: a clock may stand still for the time of an answer.
    this.add(Math.max(performance.now() - this.#since, Number.MIN_VALUE));
    this.#since = undefined;
  }

  add(ms: number): void {
    if (ms > 0) this.#ms = (this.#ms ?? 0) + ms;
  }

  /** Milliseconds; undefined where the call has not come to waiting for its server. */
  get ms(): number | undefined {
    return this.#ms;
  }
}

const networkTransports: Readonly<Record<Transport, string | undefined>> = {
  stdio: "pipe",
  http: "tcp",
  sse: "tcp",
  custom: undefined,
};

/** What every provider stands for while no tracer is installed. */
const none = new ProxyTracerProvider().getDelegate();

/** Whether a tracer is installed; without one a call has no span and no cost of one. */
function hasTracer(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider && provider.getDelegate() === none);
}

function markFailed(span: Span, errorType: string): void {
  span.setAttribute("error.type", errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** The call on its way. Every member is named: copied from what is given, they cost more than all the layers do. */
export function callOf(
  subject: CallSubject,
  options: CallOptions,
  { deadline, serverTime, fields }: Pick<Call, "deadline" | "serverTime"> & { readonly fields: TraceFields },
): Call {
  return {
    method: subject.method,
    params: withMeta(subject.params, options.meta, fields),
    target: subject.target,
    what: subject.what,
    isSafe: subject.isSafe,
    needs: subject.needs,
    showsInputRequired: subject.showsInputRequired,
    capabilities: options.capabilities,
    deadline,
    serverTime,
    principal: options.principal,
    priority: options.priority,
    onProgress: options.onProgress,
  };
}

/** The parameters with more members of `_meta`, the later above the earlier. */
function withMeta(
  params: CallSubject["params"],
  ...more: readonly (Readonly<Record<string, unknown>> | undefined)[]
): CallSubject["params"] {
  if (more.every((one) => one === undefined)) return params;
  const meta = params?._meta;
  return { ...params, _meta: Object.assign({}, typeof meta === "object" ? meta : undefined, ...more) };
}
