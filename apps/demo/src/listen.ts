import { createServer, type RequestListener, type Server } from "node:http";

/** A server that listens, and where. */
export interface Listening {
  readonly server: Server;
  readonly port: number;
  /** Ends it together with its open connections. */
  close(): Promise<void>;
}

/**
 * Listens on 127.0.0.1 at `port`, or at the next free one, of which `onTaken` is told. Throws what `listen` reports where
 * that is anything else than a taken port, and after 100 taken ones.
 */
export async function listen(
  handler: RequestListener,
  port: number,
  onTaken: (port: number) => void,
): Promise<Listening> {
  for (let candidate = port; ; candidate += 1) {
    const server = createServer(handler);
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once("error", resolve);
      server.listen(candidate, "127.0.0.1", () => resolve(undefined));
    });
    if (error === undefined) {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("bug: a TCP server has an address");
      return { server, port: address.port, close: () => closeServer(server) };
    }
    const isTaken = error.code === "EADDRINUSE" || error.code === "EACCES";
    if (!isTaken || candidate >= Math.min(port + 100, 65_535)) throw error;
    onTaken(candidate);
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
