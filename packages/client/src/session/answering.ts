import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { ServerRequestContext } from "../config/client-options.js";

/** Answers what a server asks of its client. */
export type ServerRequestHandler = (method: string, params: unknown, context: ServerRequestContext) => Promise<unknown>;

/** Who answers what servers ask, and what of it. */
export interface Answering {
  readonly capabilities: ClientCapabilities;
  readonly handler: ServerRequestHandler | undefined;
}
