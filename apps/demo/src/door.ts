import type { IncomingMessage, RequestListener } from "node:http";

/** No request needs a longer body. */
export const maxBodyBytes = 1_048_576;

const loopbackNames = ["localhost", "127.0.0.1", "[::1]"];

interface Refusal {
  readonly status: number;
  readonly message: string;
}

/**
 * Lets through to `listener` only requests that this server is meant for: the `Host`, without its port, is a loopback
 * name, the IP address that the request came in on, or one of `allowedHosts`; an `Origin` is this server's own. A name
 * that somebody has made resolve to this machine (DNS rebinding) and a foreign page are refused with 403, a body over
 * 1 MiB with 413. No answer may be shown in a frame.
 */
export function door(listener: RequestListener, allowedHosts: readonly string[]): RequestListener {
  const allowed = new Set([...loopbackNames, ...allowedHosts].map((name) => name.toLowerCase()));
  return (request, response) => {
    response.setHeader("content-security-policy", "frame-ancestors 'none'");
    // What of a body nobody has read when the answer is complete is not read at all.
    if (request.headers["transfer-encoding"] !== undefined) response.setHeader("connection", "close");
    const refusal = refusalOf(request, allowed);
    if (refusal === undefined) return listener(request, response);
    response.writeHead(refusal.status, { "content-type": "text/plain; charset=utf-8", connection: "close" });
    response.end(`${refusal.message}\n`);
  };
}

function refusalOf(request: IncomingMessage, allowed: ReadonlySet<string>): Refusal | undefined {
  // The target may be a whole URL, which then stands for the Host; no browser and no scraper sends that to a server.
  if (!request.url?.startsWith("/")) return { status: 400, message: "The request must name a path." };
  const host = hostOf(request.headersDistinct.host);
  if (host === undefined || !(allowed.has(host.hostname) || host.hostname === addressOf(request)))
    return { status: 403, message: "This host name is not allowed; --allow-host NAME allows it." };
  const origins = request.headersDistinct.origin;
  if (origins !== undefined && originHost(origins) !== host.host)
    return { status: 403, message: "Another site may not use this server." };
  if (Number(request.headers["content-length"] ?? 0) > maxBodyBytes)
    return { status: 413, message: "The body may have at most 1 MiB." };
  return undefined;
}

/** The one Host of a request in the form of a URL, `undefined` where there is none, or several, or something else. */
function hostOf(headers: readonly string[] | undefined): URL | undefined {
  const [text, ...more] = headers ?? [];
  if (text === undefined || more.length > 0 || !/^(\[[0-9a-f:.]+\]|[^\s:@/\\?#[\]]+)(:\d+)?$/i.test(text))
    return undefined;
  return parsed(`http://${text}`);
}

/** Host and port of the one Origin. The scheme is not compared: a proxy may have taken off TLS. */
function originHost(headers: readonly string[]): string | undefined {
  const [text, ...more] = headers;
  const url = text === undefined || more.length > 0 ? undefined : parsed(text);
  return url?.protocol === "http:" || url?.protocol === "https:" ? url.host : undefined;
}

/** The address that a request came in on, as it stands in a URL. */
function addressOf({ socket: { localAddress = "" } }: IncomingMessage): string | undefined {
  const address = localAddress.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
  return parsed(`http://${address.includes(":") ? `[${address}]` : address}`)?.hostname;
}

function parsed(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}
