import type { ClientCapabilities, Progress } from "@modelcontextprotocol/sdk/types.js";
import type { Cancellation } from "../cancellation.js";
import type { McpSession } from "../mcp-session.js";
import type { Answering } from "./answering.js";

/** What one exchange asks of the server: a request of the protocol. */
export interface ExchangeInit {
  readonly method: string;
  readonly params?: Record<string, unknown> | undefined;
  /** What the client declares for this request alone, where the protocol has such a thing. */
  readonly capabilities?: ClientCapabilities | undefined;
}

/** Who a server is. */
export interface ServerInfo {
  /** Its own name, not that of the configuration; "" where it gave none. */
  readonly name: string;
  readonly version: string;
  /** How it wants to be used, in its own words: untrusted text. Undefined where it says nothing. */
  readonly instructions: string | undefined;
  /** What it declared. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** The revision of MCP that is spoken with it; undefined where that is not known, as with some custom sessions. */
  readonly protocol: string | undefined;
}

/** The call that a request belongs to, for whoever answers what the server asks on its account. */
export interface CallOrigin {
  readonly method: string;
  /** The tool or prompt that is asked for. */
  readonly target: string | undefined;
  /** Stops the clock of the call, where the caller wants that; what is returned starts it again, once. */
  pause(): () => void;
}

/** How one request is sent. */
export interface SendOptions {
  /** The request's own signal. Its abort tells the server and rejects with `signal.reason` at once. */
  readonly signal: Cancellation;
  /** The call that it is sent for. */
  readonly call?: CallOrigin | undefined;
  /** Receives all progress before the result, also what arrives together with it. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called when the request waits for nothing but the server any more. */
  readonly onStarted?: (() => void) | undefined;
  /**
   * Called when the request is handed to the pipe or socket: from then on the server may run it. For whoever
   * gives the request up and has to say whether it was sent; a `Failure` knows better, as it comes later.
   */
  readonly onSent?: (() => void) | undefined;
  /**
   * Called when the server has refused the request for want of a login, before running it, and the client is about to get one:
   * it counts as neither started nor sent, until `onStarted` and `onSent` are called again.
   */
  readonly onWaiting?: (() => void) | undefined;
}

/**
 * One open connection, the lower half of the client as the upper half sees it: requests whose failures say
 * whether the server got them, death that is noticed, and an end within bounds.
 */
export interface Connection {
  /** What the pool holds for this connection; `connectionOf(session)` leads back. */
  readonly session: McpSession;
  /** Who the server said it is, and what it declared, at `initialize` (or `server/discover`). */
  readonly serverInfo: ServerInfo;
  /** Who answers what the server asks. */
  readonly answering: Answering;
  /** Whether the server has declared its capabilities, and this one is not among them. */
  lacks(capability: string): boolean;
  /**
   * Resolves with the result as the server sent it. Rejects with `signal.reason` on abort, otherwise with a `Failure`.
   * Requests on their way when the connection dies reject by themselves, each with its own delivery; do not abort them.
   */
  send(init: ExchangeInit, options: SendOptions): Promise<unknown>;
  /** Resolves at any JSON-RPC answer, an error too (`ping`, or `server/discover` where there is no ping). */
  ping(signal: Cancellation): Promise<void>;
  /**
   * Finds out by one ping, shared by all who ask, whether the server still knows the session; a lost one ends. Never rejects,
   * and does not wait long for a server that says nothing.
   */
  check(): Promise<void>;
  /** The end of what the server wrote to stderr, secrets masked; "" where there is none. */
  stderrTail(): string;
  /** Ends the connection within its `closeTimeoutMs`; resolves when no process of it is alive. Idempotent, never rejects. */
  close(): Promise<void>;
}
