import type { ServerMemory } from "../era/server-memory.js";
import { Failure } from "../failure.js";

type Kind = "http" | "sse";

/**
 * Opens a connection by the transport that is configured. Where none is, by streamable HTTP, and by HTTP+SSE where that is
 * refused with 400, 404 or 405; what was found is remembered, and forgotten when it fails. Where neither works, the first
 * refusal is what is told.
 */
export async function findTransport<T>(
  configured: Kind | undefined,
  memory: ServerMemory,
  open: (kind: Kind) => Promise<T>,
): Promise<T> {
  if (configured !== undefined) return await open(configured);
  const known = memory.transport;
  try {
    const connection = await open(known ?? "http");
    memory.transport = known ?? "http";
    return connection;
  } catch (error) {
    memory.transport = undefined;
    if (known === "sse" || !isNoEndpoint(error)) throw error;
    const connection = await open("sse").catch(() => Promise.reject(error));
    memory.transport = "sse";
    return connection;
  }
}

/** Whether a refusal may mean that there is no streamable HTTP at a URL. */
function isNoEndpoint(error: unknown): boolean {
  return error instanceof Failure && error.kind === "http" && [400, 404, 405].includes(error.status ?? 0);
}
