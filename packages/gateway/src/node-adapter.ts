import type { IncomingMessage, ServerResponse } from "node:http";

/** A request of `node:http` that was read from a socket: those have a method and a URL. */
export function isServerRequest(
  request: IncomingMessage,
): request is IncomingMessage & { readonly method: string; readonly url: string } {
  return request.method !== undefined && request.url !== undefined;
}

/** The head of a request, without its body; undefined where it has no valid URL. */
export function headOf(request: IncomingMessage): Request | undefined {
  const url = `http://${request.headers.host ?? "localhost"}${request.url ?? "/"}`;
  if (!URL.canParse(url)) return undefined;
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one);
  const { method = "GET" } = request;
  return /^(CONNECT|TRACE|TRACK)$/i.test(method) ? undefined : new Request(url, { method, headers });
}

/** Sends an answer that has no stream, and reads no further from a request that was not let in. */
export async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  response.end(await answer.text());
}
