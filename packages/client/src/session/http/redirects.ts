import type { IncomingMessage } from "node:http";
import type { HttpRequest, SendHttp } from "./http-sockets.js";

const maxRedirects = 5;

/**
 * Sends a request and follows redirects within the origin: of a POST only those that keep it one (307, 308). Any other
 * redirect is the answer, so that credentials and arguments go to no other origin.
 */
export async function sendFollowing(send: SendHttp, url: URL, request: HttpRequest): Promise<IncomingMessage> {
  let at = url;
  for (let count = 0; ; count++) {
    const response = await send(at, request);
    const next = count < maxRedirects ? targetOf(response, at, request.method) : undefined;
    if (next === undefined) return response;
    response.resume();
    at = next;
  }
}

function targetOf({ statusCode = 0, headers }: IncomingMessage, from: URL, method: string): URL | undefined {
  const keepsMethod = statusCode === 307 || statusCode === 308;
  const isFollowed = keepsMethod || (method === "GET" && statusCode >= 301 && statusCode <= 303);
  const { location } = headers;
  if (!isFollowed || location === undefined || !URL.canParse(location, from.href)) return undefined;
  const target = new URL(location, from);
  return target.origin === from.origin ? target : undefined;
}
