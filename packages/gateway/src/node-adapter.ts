import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer } from "./answer.js";
import type { BodyText } from "./json-body.js";

/** A request of `node:http` that was read from a socket: those have a method and a URL. */
export function isServerRequest(
  request: IncomingMessage,
): request is IncomingMessage & { readonly method: string; readonly url: string } {
  return request.method !== undefined && request.url !== undefined;
}

/** The head of a request, without its body; undefined where its URL or its method is none that a `Request` can have. */
export function headOf(request: IncomingMessage, signal: AbortSignal): Request | undefined {
  const { url: target = "/" } = request;
  // Whoever comes over a proxy may name the whole URL.
  const url = /^https?:/i.test(target) ? target : `http://${request.headers.host ?? "localhost"}${target}`;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one);
  try {
    return new Request(url, { method: request.method ?? "GET", headers, signal });
  } catch {
    return undefined;
  }
}

/** Reads the body of a request, up to a limit. Rejects where its connection ends before. */
export async function readText(request: IncomingMessage, maxBytes: number): Promise<BodyText> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > maxBytes) return { tooLarge: true };
    chunks.push(chunk);
  }
  return { tooLarge: false, text: Buffer.concat(chunks).toString("utf8") };
}

/** Aborts when the connection ends before the whole answer was sent. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort();
  });
  return gone.signal;
}

/** Sends an answer, a stream as fast as it is read. What of the request's body was not read, is not. */
export async function send(answer: Answer, response: ServerResponse): Promise<void> {
  if (!(answer instanceof Response)) {
    response.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.text) });
    response.end(answer.text);
    return;
  }
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.headers.get("content-type") !== "text/event-stream") {
    response.end(await answer.text());
    return;
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  for await (const chunk of answer.body ?? []) {
    if (response.destroyed) break;
    if (!response.write(chunk)) await once(response, "drain", { signal: gone.signal }).catch(() => {});
  }
  response.end();
}
