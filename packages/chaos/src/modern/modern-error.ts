import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { JsonObject } from "../json.js";

/** What a request of the modern era is answered with instead of a result. */
export class ModernError extends Error {
  readonly code: number;
  /** The status of the reply over HTTP. */
  readonly status: number;
  readonly data: JsonObject | undefined;

  constructor(code: number, status: number, message: string, data?: JsonObject) {
    super(message);
    this.code = code;
    this.status = status;
    this.data = data;
  }
}

/** The codes that the modern revision has for the mistakes of a client; each is a 400 over HTTP. */
export const modernCodes = { headerMismatch: -32020, missingCapability: -32021, unsupportedVersion: -32022 } as const;

/** The response to a request that failed, and its status over HTTP. */
export function errorResponse(id: unknown, error: unknown): { readonly status: number; readonly message: JsonObject } {
  const { code, status, message, data } = error instanceof ModernError ? error : fromHandler(error);
  return {
    status,
    message: { jsonrpc: "2.0", id: id ?? null, error: { code, message, ...(data !== undefined && { data }) } },
  };
}

/** An error of what both eras share: it is an answer, so its status is 200 unless the revision says otherwise. */
function fromHandler(error: unknown): {
  readonly code: number;
  readonly status: number;
  readonly message: string;
  readonly data: unknown;
} {
  if (!(error instanceof McpError)) {
    return { code: ErrorCode.InternalError, status: 200, message: String(error), data: undefined };
  }
  const status = Object.values(modernCodes).some((code) => code === error.code) ? 400 : 200;
  const message = error.message.replace(/^MCP error -?\d+: /, "");
  // The older code for a resource that is not there is not used any more.
  return { code: error.code === -32002 ? ErrorCode.InvalidParams : error.code, status, message, data: error.data };
}
