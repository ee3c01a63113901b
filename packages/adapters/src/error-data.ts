import { isRecord } from "./is-record.js";

/** What is known of an error beside its message, as data that can be sent and stored. */
export interface ErrorData {
  /** The `code` of an error of @minion/client: `ERR_MCP_OUTCOME_UNKNOWN` and so on. */
  readonly code?: string;
  readonly server?: string;
  /** Whether the call can have reached the server. */
  readonly delivery?: "not-sent" | "sent";
  readonly retryAfterMs?: number;
}

/** The data of an error; members that it does not have are left out. */
export function errorData(error: unknown): ErrorData {
  const { code, server, delivery, retryAfterMs } = isRecord(error) ? error : {};
  return {
    ...(typeof code === "string" && { code }),
    ...(typeof server === "string" && { server }),
    ...((delivery === "sent" || delivery === "not-sent") && { delivery }),
    ...(typeof retryAfterMs === "number" && Number.isFinite(retryAfterMs) && { retryAfterMs }),
  };
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
