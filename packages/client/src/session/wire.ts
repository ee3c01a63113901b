import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { Exchange } from "./exchange.js";
import type { Failure } from "./failure.js";
import type { Secrets } from "./redact.js";

/** Headers of one message, by names in lower case; only HTTP sends them. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** What a {@link Wire} tells about itself. */
export interface WireEvents {
  /** A message arrived, in whatever form; where it came in the reply to a request, with the exchange of that one. */
  readonly onMessage: (message: unknown, replyTo?: Exchange) => void;
  /**
   * The connection is of no use any more. Requests on their way fail at once, unless each has a connection of its
   * own that ends by itself (`sparesRequests`).
   */
  readonly onEnded: (failure: Failure, options?: { readonly sparesRequests: boolean }) => void;
  /** The server refuses what it granted before, so that it may have forgotten the session. */
  readonly onDoubt: (refusal: Failure) => void;
  /** Notifications may have been missed. */
  readonly onGap: () => void;
}

/** What every wire of a connection is made with. */
export interface WireOptions {
  readonly secrets: Secrets;
  readonly maxMessageBytes: number;
}

/** The way to one server, whatever it is made of. */
export interface Wire {
  /** Rejects where the server cannot be reached. */
  start(events: WireEvents): Promise<void>;
  /**
   * Hands a message over and marks the exchange as sent; fails the exchange or rejects where that is impossible. Throws
   * at once where the message cannot be written as JSON. `headers` go with it where the wire has such a thing.
   */
  send(message: JSONRPCMessage, exchange: Exchange | undefined, headers?: MessageHeaders): Promise<void>;
  /** Ends it within `withinMs`; hasty where no good end is to be expected. Never rejects. */
  close(withinMs: number, options: { readonly hasty: boolean }): Promise<void>;
  /** What the server wrote to stderr, masked. */
  stderrTail(): string;
  /** Whether it waits for the server, and not for code of the application or a login. Absent: always. */
  awaitsServer?(): boolean;
  /** The revision that is spoken from now on; undefined while that is not agreed upon. */
  setProtocolVersion?(version: string | undefined): void;
  /** To be called when the server has started up. */
  ready?(): Promise<void>;
  /**
   * Hears what the server says unasked, in the revisions in which that takes a stream of its own. Resolves when the server
   * has answered whether there is one; never rejects.
   */
  listen?(): Promise<void>;
}
