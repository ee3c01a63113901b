import type { ProtocolError } from "@modelcontextprotocol/server";
import { isRecord } from "./is-record.js";
import { isQuotaRefusal } from "./quota-refusal.js";

/** The HTTP status of an error that is more than an answer, and its `Retry-After` in seconds. */
export function httpStatusOf(
  error: ProtocolError,
): { readonly status: number; readonly retryAfter: string | undefined } | undefined {
  const { data } = error;
  if (!isRecord(data)) return undefined;
  if (isQuotaRefusal(error)) return { status: 429, retryAfter: String(Math.ceil(Number(data.retryAfterMs) / 1_000)) };
  // This replica ends under the call. Another one may run it again where it is safe, and where nothing was sent yet.
  if (data.code === "ERR_MCP_CLOSED")
    return { status: 503, retryAfter: data.delivery === "not-sent" ? "1" : undefined };
  return undefined;
}
