import { AsyncLocalStorage } from "node:async_hooks";
import { ProtocolError } from "@modelcontextprotocol/server";

/** What a request is told by the quotas, from wherever it is asked to where it is answered. */
const asked = new AsyncLocalStorage<{ retryAfterMs: number | undefined }>();

/** The error of a call that a quota refuses; the HTTP answer to it will be 429. */
export function quotaRefusal(server: string, retryAfterMs: number): ProtocolError {
  const store = asked.getStore();
  if (store !== undefined) store.retryAfterMs = retryAfterMs;
  return new ProtocolError(-32603, `The quota is used up. Try again in ${Math.ceil(retryAfterMs)} ms.`, {
    code: "ERR_GATEWAY_QUOTA",
    server,
    delivery: "not-sent",
    retryAfterMs,
  });
}

/** Answers a request, with HTTP 429 and Retry-After where its one call was refused by a quota. */
export async function withQuotaStatus(answer: () => Promise<Response>, onRefused: () => void): Promise<Response> {
  const store: { retryAfterMs: number | undefined } = { retryAfterMs: undefined };
  const response = await asked.run(store, answer);
  if (store.retryAfterMs === undefined) return response;
  onRefused();
  const text = await response.text();
  const messages = text.startsWith("{") ? [text] : [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => data);
  const headers = new Headers(response.headers);
  const [message] = messages;
  // A batch has other answers too.
  if (message === undefined || messages.length > 1) return new Response(text, { status: response.status, headers });
  headers.set("content-type", "application/json");
  headers.set("retry-after", String(Math.ceil(store.retryAfterMs / 1_000)));
  headers.delete("content-length");
  return new Response(message, { status: 429, headers });
}
