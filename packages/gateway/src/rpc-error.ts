import { ProtocolError } from "@modelcontextprotocol/server";
import { isRecord } from "./is-record.js";

/** -32602: a name, an argument or a cursor is wrong. */
export function invalidParams(message: string, data?: unknown): ProtocolError {
  return new ProtocolError(-32602, message, data);
}

/** -32601 */
export function methodNotFound(): ProtocolError {
  return new ProtocolError(-32601, "Method not found");
}

/**
 * What a caller is told of a failed request. An error of the server passes with its code, message and data. One of the
 * client becomes -32603 with `{ code, server, delivery, retryAfterMs }`, never a code between -32000 and -32099, which a
 * caller would take for a lost session. What a server wrote to stderr, and what is wrong with its configuration, stay here.
 */
export function rpcError(error: unknown, server: string): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (!(error instanceof Error)) return new ProtocolError(-32603, "Internal error");
  const code: unknown = Reflect.get(error, "code");
  if (typeof code === "number" && Number.isSafeInteger(code))
    return new ProtocolError(code, ownWords(error.message, code), Reflect.get(error, "data"));
  switch (code) {
    case "ERR_MCP_TOOL_NOT_FOUND":
    case "ERR_MCP_SERVER_NOT_FOUND":
      return invalidParams("Unknown name: list again, it may have been removed.");
    case "ERR_MCP_CONFIG":
      return new ProtocolError(
        -32603,
        `The entry of server "${server}" in the gateway's configuration is wrong. Run the gateway with --check.`,
        { code, server, delivery: "not-sent" },
      );
  }
  if (typeof code === "string" && code.startsWith("ERR_MCP_"))
    return new ProtocolError(-32603, withoutStderr(error.message), detailsOf(error, code, server));
  if (error instanceof TypeError) return invalidParams(error.message);
  return new ProtocolError(-32603, "Internal error");
}

/** SDK v1 writes the code before the words of the server. */
function ownWords(message: string, code: number): string {
  const prefix = `MCP error ${code}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

function withoutStderr(message: string): string {
  return message.replace(/ It last wrote to stderr:[\s\S]*$/, "");
}

function detailsOf(error: Error, code: string, server: string): Record<string, unknown> {
  const details: Record<string, unknown> = { code, server };
  const known: unknown = error;
  if (isRecord(known)) {
    if (typeof known.delivery === "string") details.delivery = known.delivery;
    if (typeof known.retryAfterMs === "number" && Number.isFinite(known.retryAfterMs))
      details.retryAfterMs = known.retryAfterMs;
  }
  return details;
}
