import type { ListOptions } from "./config/call-options.js";
import type { Server } from "./server.js";
import type { ServerInfo } from "./session/connection.js";

// What needs one connection and none of the layers above it.

/** How long a server takes to answer a ping, in milliseconds, whatever its breaker says. */
export function ping(
  server: Server,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly principal?: string | undefined;
    readonly replica?: number | undefined;
  },
): Promise<number> {
  return server.withConnection(options, async (connection, lease, deadline) => {
    try {
      const begin = performance.now();
      await connection.ping(deadline);
      return performance.now() - begin;
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
