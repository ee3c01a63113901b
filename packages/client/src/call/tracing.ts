import {
  context,
  ProxyTracerProvider,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { Transport } from "../config/policy.js";

/** What a span tells of a call. */
export interface TracedCall {
  readonly method: string;
  /** The tool or prompt that is asked for. */
  readonly target: string | undefined;
  readonly server: string;
  readonly transport: Transport;
}

const networkTransports: Readonly<Record<Transport, string | undefined>> = {
  stdio: "pipe",
  http: "tcp",
  sse: "tcp",
  custom: undefined,
};

/** What every provider stands for while no tracer is installed. */
const none = new ProxyTracerProvider().getDelegate();

/**
 * Runs `run` inside a client span, as the OpenTelemetry conventions for MCP have it, and hands it the fields of the trace
 * context for `_meta` (`traceparent` ...). Without a tracer installed there is no span, no field, and no cost.
 */
export async function traced<T>(
  call: TracedCall,
  run: (
    fields: Readonly<Record<string, string>> | undefined,
  ) => Promise<{ readonly value: T; readonly errorType: string | undefined }>,
  errorTypeOf: (error: unknown) => string,
): Promise<T> {
  const provider = trace.getTracerProvider();
  if (provider instanceof ProxyTracerProvider && provider.getDelegate() === none) return (await run(undefined)).value;
  const { method, target, transport } = call;
  const network = networkTransports[transport];
  const span = provider.getTracer("@minion/client").startSpan(target === undefined ? method : `${method} ${target}`, {
    kind: SpanKind.CLIENT,
    attributes: {
      "mcp.method.name": method,
      "mcp.server.name": call.server,
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
    const { value, errorType } = await context.with(active, () =>
      run(Object.keys(fields).length === 0 ? undefined : fields),
    );
    if (errorType !== undefined) fail(span, errorType);
    return value;
  } catch (error) {
    fail(span, errorTypeOf(error));
    throw error;
  } finally {
    span.end();
  }
}

function fail(span: Span, errorType: string): void {
  span.setAttribute("error.type", errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
