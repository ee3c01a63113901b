import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { FinishAuthOptions, ListOptions, PingOptions } from "./config/call-options.js";
import type { OnServerRequest } from "./config/client-options.js";
import { checkText } from "./known-calls.js";
import type { Server } from "./server.js";
import { serverRequests } from "./servers.js";
import type { ServerInfo } from "./session/connection.js";
import { OwnSession, type SessionLease } from "./session-lease.js";

// What needs one connection and none of the layers above it.

/** How a connection of one's own is opened. */
export interface SessionOptions {
  readonly signal?: AbortSignal | undefined;
  readonly principal?: string | undefined;
  /** Answers what the server asks over this connection, in place of that of the client. */
  readonly onServerRequest?: OnServerRequest | undefined;
  /** What this connection declares to the server, in place of what the client does. */
  readonly capabilities?: ClientCapabilities | undefined;
}

/** Opens a connection that nobody else uses. */
export function openSession(server: Server, options: SessionOptions): Promise<SessionLease> {
  const { signal, principal, onServerRequest, capabilities } = options;
  const isPlain = onServerRequest === undefined && capabilities === undefined;
  const setup = isPlain ? undefined : { capabilities, onServerRequest: serverRequests(onServerRequest) };
  return server.withConnection(
    { signal, principal, isOwn: true, setup },
    async (connection, lease) => new OwnSession(server, connection, lease, principal),
  );
}

/** Finishes a login at a server. */
export async function finishAuth(server: Server, params: URLSearchParams, options: FinishAuthOptions): Promise<void> {
  if (!(params instanceof URLSearchParams))
    throw new TypeError("MinionClient: finishAuth() takes the callback's parameters as URLSearchParams");
  await server.connections.authorizations.finish(params, options.principal);
}

/**
 * How long a server takes to answer a ping, in milliseconds, whatever its breaker says. Opening a connection and the
 * answer have `connectTimeoutMs` together. The breaker learns nothing by it, since a ping shows no more than that there is
 * a server; its health does.
 */
export function ping(server: Server, options: PingOptions): Promise<number> {
  const within = { ...options, timeoutMs: server.policy.connectTimeoutMs };
  return server.withConnection(within, async (connection, lease, deadline) => {
    const begin = performance.now();
    try {
      deadline.markSent();
      await connection.ping(deadline);
      server.pinged({ error: undefined, deadlineEnd: undefined, awaitedServer: true });
      return performance.now() - begin;
    } catch (error) {
      server.pinged({ error, deadlineEnd: deadline.end, awaitedServer: true });
      throw error;
    } finally {
      lease.release();
    }
  });
}

/** Who a server is. */
export function infoOf(server: Server, options: ListOptions): Promise<ServerInfo> {
  return server.withConnection(options, async ({ serverInfo }, lease) => {
    lease.release();
    return serverInfo;
  });
}

/** Subscribes to a resource. */
export function subscribe(
  server: Server,
  uri: string,
  listener: () => void,
  options: ListOptions,
): Promise<AsyncDisposable> {
  checkText(uri, "uri");
  if (typeof listener !== "function") throw new TypeError("MinionClient: a listener must be a function");
  return server.subscriptions.subscribe(uri, listener, options);
}
