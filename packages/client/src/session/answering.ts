import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { ServerRequestHandler } from "../config/client-options.js";

/** Who answers what servers ask, and what of it. */
export interface Answering {
  readonly capabilities: ClientCapabilities;
  readonly handler: ServerRequestHandler | undefined;
}
