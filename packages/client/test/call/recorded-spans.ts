import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  type ContextManager,
  context,
  INVALID_SPAN_CONTEXT,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanOptions,
  type TextMapPropagator,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { onTestFinished } from "vitest";

/** A context manager as small as one can be. */
class TinyContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    run: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(active, () => Reflect.apply(run, thisArg, args));
  }
  bind<T>(_: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

const traceparent: TextMapPropagator = {
  inject: (active, carrier, setter) => {
    const span = trace.getSpanContext(active);
    if (span !== undefined) setter.set(carrier, "traceparent", `00-${span.traceId}-${span.spanId}-01`);
  },
  extract: (active) => active,
  fields: () => ["traceparent"],
};

/** What a span was told. */
export interface Recorded {
  readonly name: string;
  readonly options: SpanOptions;
  readonly parent: SpanContext | undefined;
  readonly context: SpanContext;
  readonly attributes: Record<string, unknown>;
  status: unknown;
  ends: number;
}

/** Installs a tracer that remembers its spans, until the test ends. */
export function recordSpans(): Recorded[] {
  const spans: Recorded[] = [];
  const startSpan = (name: string, options: SpanOptions = {}, active: Context = context.active()): Span => {
    const parent = trace.getSpanContext(active);
    const number = spans.length + 1;
    const own: SpanContext = {
      traceId: parent?.traceId ?? "0af7651916cd43dd8448eb211c80319c",
      spanId: number.toString(16).padStart(16, "0"),
      traceFlags: 1,
    };
    const recorded: Recorded = {
      name,
      options,
      parent,
      context: own,
      attributes: { ...options.attributes },
      status: undefined,
      ends: 0,
    };
    spans.push(recorded);
    const span: Span = {
      ...trace.wrapSpanContext(INVALID_SPAN_CONTEXT),
      spanContext: () => own,
      setAttribute: (key, value) => {
        recorded.attributes[key] = value;
        return span;
      },
      setAttributes: () => span,
      addEvent: () => span,
      addLink: () => span,
      addLinks: () => span,
      setStatus: (status) => {
        recorded.status = status;
        return span;
      },
      updateName: () => span,
      isRecording: () => true,
      recordException: () => {},
      end: () => {
        recorded.ends += 1;
      },
    };
    return span;
  };
  const tracer: Tracer = {
    startSpan,
    startActiveSpan: () => {
      throw new Error("not needed");
    },
  };
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  context.setGlobalContextManager(new TinyContexts());
  propagation.setGlobalPropagator(traceparent);
  onTestFinished(() => {
    trace.disable();
    context.disable();
    propagation.disable();
  });
  return spans;
}
