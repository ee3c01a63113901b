import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { CallOptions } from "./config/call-options.js";
import { toToolResult } from "./lists/answers.js";
import type { Request, Server, Take } from "./server.js";

/** A call of a tool as a request, and how its answer is taken. */
export interface ToolCall {
  readonly request: Request;
  readonly take: Take<CallToolResult>;
}

/**
 * Makes a request of a tool call. What is cached of the tool says whether repeating it is safe, and what its structured
 * content has to look like; nothing is fetched for that, and an unknown tool is unsafe.
 */
export function toolCall(server: Server, tool: string, args: Record<string, unknown>, options: CallOptions): ToolCall {
  if (typeof tool !== "string" || tool === "")
    throw new TypeError("MinionClient: a tool's name must be a text that is not empty");
  if (typeof args !== "object" || args === null || Array.isArray(args))
    throw new TypeError("MinionClient: a tool's arguments must be an object");
  const known = server.knownTool(tool, options.principal);
  return {
    request: {
      method: "tools/call",
      params: { name: tool, arguments: args },
      target: tool,
      what: `Tool "${tool}"`,
      isSafe: options.idempotent ?? isSafe(known?.annotations),
    },
    take: (answer) => {
      const value = toToolResult(answer);
      server.schemas.check(known, value);
      return { value, errorType: value.isError === true ? "tool_error" : undefined };
    },
  };
}

function isSafe(annotations: unknown): boolean {
  if (typeof annotations !== "object" || annotations === null) return false;
  return Reflect.get(annotations, "idempotentHint") === true || Reflect.get(annotations, "readOnlyHint") === true;
}
