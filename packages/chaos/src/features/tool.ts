import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { FaultController } from "../fault-controller.js";
import type { JsonObject } from "../json.js";

/** A question to the client, in the shape that both eras have. */
export interface Question {
  readonly method: "elicitation/create" | "sampling/createMessage" | "roots/list";
  readonly params?: JsonObject;
}

/** What the answer to a request may use: the surroundings of the request, in either era. */
export interface RequestContext {
  readonly controller: FaultController;
  /** State of the session or, in the modern era, of the server, for tools that remember. */
  readonly memory: { counter: number };
  /** Aborts when the client cancels or the session ends. */
  readonly signal: AbortSignal;
  /** Asks the client; questions of one round have keys of their own. Resolves with the answers under the same keys. */
  readonly ask: (questions: { readonly [key: string]: Question }) => Promise<JsonObject>;
  /** Reports progress, where the caller asked for it. */
  readonly report: (progress: number, total: number) => Promise<void>;
  /** Sends a log message, where the caller wants those of this level. */
  readonly log: (level: string, data: unknown) => Promise<void>;
  /** Tells so many times that the tool list has changed. */
  readonly announce: (count: number) => void;
}

/** A tool: its entry in the list, and what it does. */
export interface ChaosTool {
  readonly name: string;
  readonly listing: JsonObject;
  readonly run: (args: unknown, context: RequestContext) => Promise<JsonObject>;
}

interface ToolDefinition<S extends z.ZodType> {
  readonly description: string;
  readonly input: S;
  readonly output?: z.ZodType;
  readonly annotations?: { readonly [hint: string]: boolean };
  readonly run: (args: z.output<S>, context: RequestContext) => JsonObject | Promise<JsonObject>;
}

export function defineTool<S extends z.ZodType>(name: string, definition: ToolDefinition<S>): ChaosTool {
  const { description, input, output, annotations } = definition;
  return {
    name,
    listing: {
      name,
      description,
      inputSchema: z.toJSONSchema(input),
      ...(output && { outputSchema: z.toJSONSchema(output) }),
      ...(annotations && { annotations }),
    },
    run: async (args, context) => {
      const parsed = input.safeParse(args ?? {});
      if (!parsed.success) {
        throw new McpError(ErrorCode.InvalidParams, `Invalid arguments for ${name}: ${z.prettifyError(parsed.error)}`);
      }
      return definition.run(parsed.data, context);
    },
  };
}

export function text(value: string): JsonObject {
  return { content: [{ type: "text", text: value }] };
}

/** Resolves after `ms`; rejects with the reason of the abort when that comes first. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}

/** Never resolves; rejects with the reason of the abort. */
export function forever(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
