import { validateHeaderName, validateHeaderValue } from "node:http";
import { ConfigError } from "../errors.js";

/**
 * Headers, in lower case, that the transport alone gives: how a message is cut off, what becomes of its connection, and
 * which session it belongs to. A wrong length would make the rest of a message the beginning of the next.
 */
export const transportHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "expect",
  "keep-alive",
  "last-event-id",
  "mcp-session-id",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * A value without the white space around it, as `fetch` sends it: a secret that was read from a file ends in a line end.
 *
 * @throws TypeError for what is no text, such as a variable that is not set: its name would be sent in its place
 */
export function headerValue(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number")
    throw new TypeError("the value of a header must be a string");
  return String(value).trim();
}

/**
 * Refuses what no request can carry, which would otherwise be told of each one. A name may be a value in the wrong place, so that
 * it is not repeated.
 *
 * @throws ConfigError
 */
export function checkHeaders(headers: Record<string, unknown>, server: string, key: string): void {
  for (const [name, value] of Object.entries(headers)) {
    const isName = succeeds(() => validateHeaderName(name));
    if (isName && succeeds(() => validateHeaderValue(name, headerValue(value)))) continue;
    const problem = isName ? "it has a character that no header can have" : "it has a name that no header can have";
    throw new ConfigError(problem, { server, key: isName ? `${key}.${name}` : key });
  }
}

function succeeds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
