import { ProtocolError } from "@modelcontextprotocol/server";
import { isRecord } from "./is-record.js";

const code = "ERR_GATEWAY_QUOTA";

/** The error of a call that a quota refuses; the HTTP answer to it is 429. */
export function quotaRefusal(server: string, retryAfterMs: number): ProtocolError {
  return new ProtocolError(-32603, `The quota is used up. Try again in ${Math.ceil(retryAfterMs)} ms.`, {
    code,
    server,
    delivery: "not-sent",
    retryAfterMs,
  });
}

/** Whether an error is that of a quota. */
export function isQuotaRefusal({ data }: ProtocolError): boolean {
  return isRecord(data) && data.code === code;
}
