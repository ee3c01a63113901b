import type { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";
import type { Conductor } from "./conductor.js";

/** What a tool may use while it runs. */
export interface ToolCall {
  readonly conductor: Conductor;
  readonly server: Server;
  /** State of the session, for tools that remember. */
  readonly memory: { counter: number };
  /** Aborts when the client cancels or the session ends. */
  readonly signal: AbortSignal;
  /** The options of a request to the client. */
  readonly ask: { readonly signal: AbortSignal; readonly relatedRequestId?: string | number };
  /** Reports progress, where the caller asked for it. */
  readonly report: (progress: number, total: number) => Promise<void>;
}

export interface ToolResult {
  readonly [member: string]: unknown;
  readonly content: { readonly type: "text"; readonly text: string }[];
}

/** A tool: its entry in the list, and what it does. */
export interface ChaosTool {
  readonly name: string;
  readonly listing: { readonly [member: string]: unknown };
  readonly run: (args: unknown, call: ToolCall) => Promise<ToolResult>;
}

interface ToolDefinition<S extends z.ZodType> {
  readonly description: string;
  readonly input: S;
  readonly output?: z.ZodType;
  readonly annotations?: { readonly [hint: string]: boolean };
  readonly run: (args: z.output<S>, call: ToolCall) => ToolResult | Promise<ToolResult>;
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
    run: async (args, call) => {
      const parsed = input.safeParse(args ?? {});
      if (!parsed.success) {
        throw new McpError(ErrorCode.InvalidParams, `Invalid arguments for ${name}: ${z.prettifyError(parsed.error)}`);
      }
      return definition.run(parsed.data, call);
    },
  };
}

export function text(value: string): ToolResult {
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
