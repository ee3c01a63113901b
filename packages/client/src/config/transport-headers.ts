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
