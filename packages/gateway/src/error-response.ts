/** An HTTP answer to a request that was not let in: a JSON-RPC error without an id. */
export function errorResponse(
  status: number,
  code: number,
  message: string,
  { headers = {}, data }: { readonly headers?: Record<string, string>; readonly data?: unknown } = {},
): Response {
  const error = { code, message, ...(data !== undefined && { data }) };
  return Response.json({ jsonrpc: "2.0", error, id: null }, { status, headers });
}

/** The answer to whoever opens one stream too many. */
export function tooManyStreams(): Response {
  return errorResponse(503, -32603, "Too many streams are open.", { headers: { "retry-after": "5" } });
}
