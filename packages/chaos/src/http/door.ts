import type { IncomingMessage, ServerResponse } from "node:http";
import type { Journal } from "../journal.js";
import { sendJson } from "./http-reply.js";

/** The largest body that is read: 1 MiB. */
const maxBodyBytes = 1_048_576;

/**
 * Whether a request may come in; otherwise it is refused with 403.
 *
 * Its `Host` must be a loopback name, the IP literal of the address that it came in on, or allowed: a web site that
 * rebinds its own name has neither. An `Origin` must fulfil the same.
 */
export function isWelcome(
  request: IncomingMessage,
  response: ServerResponse,
  allowedHosts: readonly string[],
  journal: Journal,
): boolean {
  response.setHeader("content-security-policy", "frame-ancestors 'none'");
  const { host, origin } = request.headers;
  const own = (request.socket.localAddress ?? "").replace(/^::ffff:/, "");
  const isOpenTo = (name: string | undefined): boolean =>
    name !== undefined && (isLoopback(name) || name === own || allowedHosts.some((one) => one.toLowerCase() === name));
  const reason = !isOpenTo(nameOf(`http://${host}`))
    ? `the Host ${host} is not allowed`
    : origin !== undefined && !isOpenTo(nameOf(origin))
      ? `the Origin ${origin} is not allowed`
      : undefined;
  if (reason === undefined) return true;
  journal.write({ event: "refused", status: 403, reason });
  sendJson(response, 403, { error: `minion-chaos: ${reason}; --allow-host and allowedHosts allow further names` });
  return false;
}

/** Reads the whole body of a request; undefined where it is too large and was refused with 413. */
export async function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  journal: Journal,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBodyBytes) {
      journal.write({ event: "refused", status: 413, reason: `a body of more than ${maxBodyBytes} bytes` });
      response.setHeader("connection", "close");
      sendJson(response, 413, { error: `minion-chaos: a body may have ${maxBodyBytes} bytes` });
      return undefined;
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The host of a URL, without its port and without the brackets of IPv6. */
function nameOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase() || undefined;
}

function isLoopback(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost") || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}
