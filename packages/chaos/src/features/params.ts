import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { JsonObject } from "../json.js";

/**
 * A parameter that must be a string.
 *
 * @throws McpError -32602 that names it
 */
export function stringOf(params: JsonObject, name: string): string {
  const value = params[name];
  if (typeof value !== "string") throw new McpError(ErrorCode.InvalidParams, `${name} must be a string`);
  return value;
}
