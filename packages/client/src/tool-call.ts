import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { CallOptions } from "./config/call-options.js";
import { ToolNotFoundError } from "./errors.js";
import { toToolResult } from "./lists/answers.js";
import type { KnownRequest } from "./request.js";
import type { Server } from "./server.js";

/**
 * Makes a request of a tool call. What is cached of the tool says whether repeating it is safe, and what its structured
 * content has to look like; nothing is fetched for that, and an unknown tool is unsafe.
 */
export function toolCall(
  server: Server,
  tool: string,
  args: Record<string, unknown>,
  options: CallOptions,
): KnownRequest<CallToolResult> {
  if (typeof tool !== "string" || tool === "")
    throw new TypeError("MinionClient: a tool's name must be a non-empty string");
  if (typeof args !== "object" || args === null || Array.isArray(args))
    throw new TypeError("MinionClient: a tool's arguments must be an object");
  if (!server.lists.allowsTool(tool)) throw deniedTool(tool, server.name);
  const known = server.lists.knownTool(tool, options.principal);
  return {
    request: {
      method: "tools/call",
      params: { name: tool, arguments: args },
      target: tool,
      what: `Tool "${tool}"`,
      isSafe: options.idempotent ?? isSafeTool(known),
    },
    take: (answer) => {
      const value = toToolResult(answer);
      server.schemas.check(known, value);
      return { value, errorType: value.isError === true ? "tool_error" : undefined };
    },
  };
}

/** Whether the annotations of a tool say that running it twice does no harm. */
export function isSafeTool(tool: Readonly<Record<string, unknown>> | undefined): boolean {
  const annotations = tool?.annotations;
  if (typeof annotations !== "object" || annotations === null) return false;
  return Reflect.get(annotations, "idempotentHint") === true || Reflect.get(annotations, "readOnlyHint") === true;
}

/** What a call is told of a tool that the policy of its server leaves out. */
export function deniedTool(tool: string, server: string): ToolNotFoundError {
  const reason = `Server "${server}" has no tool "${tool}" here: the "tools" policy of the server leaves it out.`;
  return new ToolNotFoundError(tool, server, reason);
}
