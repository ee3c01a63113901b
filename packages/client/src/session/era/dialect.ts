import { isObject } from "../../untrusted.js";
import type { ExchangeInit } from "../connection.js";
import type { Exchange } from "../exchange.js";

/** What a server says of itself when a connection is opened. */
export interface Greeting {
  readonly protocolVersion: string;
  readonly name: string;
  readonly version: string;
  readonly instructions: string | undefined;
  /** Undefined where it did not say what it has, in any form that can be read: that is not known then. */
  readonly capabilities: Readonly<Record<string, unknown>> | undefined;
}

/** How the revisions of one era use a wire. What is above knows no difference. */
export interface Dialect {
  readonly greeting: Greeting;
  /** Sends a request. Returns what tells the server that nobody awaits the answer any more. */
  send(init: ExchangeInit, exchange: Exchange): () => void;
  /** The request that shows whether the server is there. */
  readonly pingMethod: "ping" | "server/discover";
  /** Begins to hear what the server announces unasked; resolves once it does, or when that cannot be awaited. Never rejects. */
  listen(): Promise<void>;
  /** Whether a notification was meant for the dialect itself. */
  takes(method: string, params: unknown): boolean;
  /** Sends nothing more by itself. */
  close(): void;
}

/** Whether a server tells of changes of a list. */
export function announcesChanges(capabilities: Greeting["capabilities"], list: string): boolean {
  const declared = capabilities?.[list];
  return isObject(declared) && declared.listChanged === true;
}

/** What a server says of itself in a member of a greeting, as far as it has the form that it should have. */
export function greetingOf(
  protocolVersion: string,
  result: Readonly<Record<string, unknown>>,
  serverInfo: unknown,
): Greeting {
  const { capabilities, instructions } = result;
  const { name, version }: { name?: unknown; version?: unknown } = isObject(serverInfo) ? serverInfo : {};
  return {
    protocolVersion,
    name: typeof name === "string" ? name : "",
    version: typeof version === "string" ? version : "",
    instructions: typeof instructions === "string" ? instructions : undefined,
    capabilities: isObject(capabilities) ? capabilities : undefined,
  };
}
