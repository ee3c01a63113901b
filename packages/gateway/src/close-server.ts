import type { Server } from "node:http";
import { turns } from "./turns.js";

/**
 * Ends a server. Answers that are being written are written to their end; whoever has not read them after `lingerMs` is cut off.
 * A request that has come over a connection that was idle is read before idle connections are closed, which would reset it.
 */
export async function closeServer(server: Server, lingerMs: number): Promise<void> {
  await turns();
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), lingerMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
