import { type ErrorData, errorData, errorMessage } from "./error-data.js";
import { isRecord } from "./is-record.js";

/** The error of a JSON-RPC response. */
export interface ErrorObject {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** There is no such method. */
const methodNotFound = -32601;
const invalidParams = -32602;
const internalError = -32603;

/** Why a method is not served. */
export class MethodNotFoundError extends Error {
  override readonly name = "MethodNotFoundError";
  readonly code: number = methodNotFound;

  constructor(method: string) {
    super(`Method not found: ${method}`);
  }
}

/**
 * An error as the client is to read it: with the server's own code and data where the server answered with an error, and with
 * what Minion knows of the call otherwise. The code of a DOMException is a positive number and none of JSON-RPC.
 */
export function errorObject(error: unknown): ErrorObject {
  const { code, data } = isRecord(error) ? error : {};
  if (typeof code === "number" && Number.isSafeInteger(code) && code < 0)
    return { code, message: withoutPrefix(errorMessage(error), code), ...(data !== undefined && { data }) };
  const known: ErrorData = errorData(error);
  const isEmpty = Object.keys(known).length === 0;
  return {
    code: error instanceof TypeError ? invalidParams : internalError,
    message: errorMessage(error),
    ...(!isEmpty && { data: known }),
  };
}

/** The SDK puts the code in front of the server's message, and the client at the other end does so once more. */
function withoutPrefix(message: string, code: number): string {
  const prefix = `MCP error ${code}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}
