import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { CallOptions } from "./config/call-options.js";
import { ToolNotFoundError } from "./errors.js";
import { toToolResult } from "./lists/answers.js";
import type { KnownRequest } from "./request.js";
import type { Server } from "./server.js";
import { shortName } from "./text.js";

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
  checkText(tool, "tool's name");
  checkObject(args, "tool's arguments");
  if (!server.lists.allowsTool(tool)) throw deniedTool(tool, server.name);
  const known = server.lists.knownTool(tool, options.principal);
  return {
    request: {
      method: "tools/call",
      params: { name: tool, arguments: args },
      target: tool,
      what: `Tool "${shortName(tool)}"`,
      isSafe: options.idempotent ?? isSafeTool(known),
    },
    take: (answer) => {
      const value = toToolResult(answer);
      if (known?.outputSchema !== undefined) server.schemas.check(known, value);
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
  const reason = `Server "${shortName(server)}" has no tool "${shortName(tool)}" here: the "tools" policy of the server leaves it out.`;
  return new ToolNotFoundError(tool, server, reason);
}

/** Throws `TypeError` where something that a user gives is not a non-empty string. */
export function checkText(value: unknown, what: string): void {
  if (typeof value !== "string" || value === "")
    throw new TypeError(`MinionClient: a ${what} must be a non-empty string`);
}

/** Throws `TypeError` where something that a user gives is not an object, or is a list. */
export function checkObject(value: unknown, what: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`MinionClient: a ${what} must be an object`);
}
