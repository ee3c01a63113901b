import type { ExchangeInit } from "./connection.js";
import type { Exchange } from "./exchange.js";

/** How the exchanges of a connection get to the server; their ends are told to them. */
export interface ExchangeSender {
  /**
   * Sends it; what keeps it from being sent fails the exchange. Returns what tells the server that nobody awaits the
   * answer any more.
   */
  send(init: ExchangeInit, exchange: Exchange): () => void;
  /** The request that shows whether the server is there. */
  readonly pingMethod: "ping" | "server/discover";
  /** The revision of MCP that was agreed upon, where it is known here. */
  readonly protocolVersion?: string | undefined;
}

/** The parameters of a request whose progress is wanted. */
export function withProgressToken(
  params: Record<string, unknown> | undefined,
  progressToken: string,
): Record<string, unknown> {
  const meta = params?._meta;
  return { ...params, _meta: { ...(typeof meta === "object" ? meta : undefined), progressToken } };
}
