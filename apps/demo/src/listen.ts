import { createServer, type RequestListener, type Server } from "node:http";
import { door } from "./door.js";

/** A server that listens, and where. */
export interface Listening {
  readonly server: Server;
  readonly port: number;
  /** Where it is reached, without a slash at the end. */
  readonly url: string;
  /** Ends it together with its open connections. */
  close(): Promise<void>;
}

/** Where to listen, and for whom. */
export interface ListenOptions {
  /** The first port to try. */
  readonly port: number;
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string | undefined;
  /** Host names that are answered beside those of loopback and the address itself. Default: none. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Is told each port that is taken. */
  readonly onTaken?: ((port: number) => void) | undefined;
}

/** Nothing can listen where the command line says. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  constructor(host: string, port: number, cause: Error) {
    super(`It cannot be listened at port ${port} of ${host}: ${cause.message}. Give another --host or --port.`, {
      cause,
    });
  }
}

/**
 * Listens at `port`, or at the next free one, behind {@link door}.
 *
 * @throws ListenError for an address that is none of this machine, or where 100 ports in a row are taken
 */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listening> {
  const { port, host = "127.0.0.1", allowedHosts = [], onTaken } = options;
  for (let candidate = port; ; candidate += 1) {
    const server = createServer(door(handler, allowedHosts));
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once("error", resolve);
      server.listen(candidate, host, () => resolve(undefined));
    });
    if (error === undefined) {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("bug: a TCP server has an address");
      const url = `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
      return { server, port: address.port, url, close: () => closeServer(server) };
    }
    const isTaken = error.code === "EADDRINUSE" || error.code === "EACCES";
    if (!isTaken || candidate >= Math.min(port + 100, 65_535)) throw new ListenError(host, candidate, error);
    onTaken?.(candidate);
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
