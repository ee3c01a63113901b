const deadCodes: readonly unknown[] = ["ERR_MCP_CONNECT", "ERR_MCP_TIMEOUT", "ERR_MCP_OUTCOME_UNKNOWN"];

/**
 * Whether a ping that rejected shows that its server does not work: no connection, no answer in time, or an answer of 5xx.
 * Whatever else it answered is life, 401, 429 and a session that it does not know too; what failed on this side says nothing.
 */
export function isDeadServer(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const [code, status] = ["code", "status"].map((name): unknown => Reflect.get(error, name));
  if (code === "ERR_MCP_CONNECT") return !isAuthorization(error.cause);
  // Without a status the connection ended with the session.
  if (code === "ERR_MCP_SESSION_LOST") return typeof status !== "number" || status >= 500;
  if (code === "ERR_MCP_HTTP" || code === "ERR_MCP_UNAVAILABLE") return typeof status === "number" && status >= 500;
  return deadCodes.includes(code);
}

function isAuthorization(cause: unknown): boolean {
  return cause instanceof Error && Reflect.get(cause, "code") === "ERR_MCP_AUTHORIZATION";
}
