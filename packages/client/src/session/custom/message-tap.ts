import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import type { McpSession } from "../../mcp-session.js";
import type { Exchange } from "../exchange.js";
import { type Exchanges, failedAnswer } from "../exchanges.js";
import type { Failure } from "../failure.js";
import { forget } from "../quietly.js";

/** What the transports of SDK v1 and v2 have in common. */
interface LiveTransport {
  send(message: JSONRPCMessage, options?: unknown): Promise<void>;
  onmessage?: ((message: unknown, extra?: unknown) => void) | undefined;
}

/** The wire of a session that somebody else connected. */
export interface MessageTap {
  /** Tells the server that nobody awaits the answer to a request any more, and the SDK to forget it. */
  cancel(exchange: Exchange): void;
}

/**
 * Lets the messages of a session that somebody else connected pass through `exchanges`. Returns undefined where its
 * transport cannot be had; such a session works, but whether a request was sent is then not known.
 */
export function tapMessages(
  session: McpSession,
  exchanges: Exchanges,
  failureOf: (error: unknown, exchange: Exchange) => Failure,
): MessageTap | undefined {
  const { transport } = session;
  if (!isLive(transport)) return undefined;
  const send = transport.send.bind(transport);
  const onmessage = transport.onmessage?.bind(transport);
  transport.send = async (message, options) => {
    const exchange = exchanges.outgoing(message);
    exchange?.markSent();
    try {
      await send(message, options);
    } catch (error) {
      if (exchange !== undefined && "id" in message && message.id !== undefined) {
        exchange.fail(failureOf(error, exchange));
        exchanges.drop(message.id);
        // Told by a rejection alone, v1 would keep the handler of the answer forever.
        onmessage?.(failedAnswer(message.id));
      }
      throw error;
    }
  };
  transport.onmessage = (received, extra) => {
    const message = exchanges.incoming(received);
    if (message !== undefined) onmessage?.(message, extra);
  };
  return {
    cancel({ requestId }) {
      if (requestId === undefined) return;
      const params = { requestId, reason: "cancelled by the caller" };
      forget(transport.send({ jsonrpc: "2.0", method: "notifications/cancelled", params }));
      onmessage?.(failedAnswer(requestId));
    },
  };
}

function isLive(transport: unknown): transport is LiveTransport {
  return (
    typeof transport === "object" && transport !== null && "send" in transport && typeof transport.send === "function"
  );
}

/** Whether a session of an SDK's client has no connection (any more). A session that keeps a transport in a field need not have one. */
export function isDisconnected(session: McpSession): boolean {
  return "transport" in session && !Object.hasOwn(session, "transport") && session.transport === undefined;
}

/** Whether a value has what is needed of a session. */
export function isSession(session: unknown): session is McpSession {
  if (typeof session !== "object" || session === null) return false;
  return ["request", "close", "getServerCapabilities"].every(
    (method) => typeof Reflect.get(session, method) === "function",
  );
}
