import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A way to a port on which every byte takes a while, and which can be cut. Ends with the test. */
export interface SlowProxy {
  readonly port: number;
  /** How long each piece takes to Redis. */
  delayMs: number;
}

export async function slowProxy(to: number): Promise<SlowProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(to, "127.0.0.1");
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        incoming.destroy();
        outgoing.destroy();
      });
    }
    incoming.on("data", (data) => {
      if (proxy.delayMs === 0) outgoing.write(data);
      else setTimeout(() => outgoing.write(data), proxy.delayMs);
    });
    outgoing.pipe(incoming);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  const proxy = { port: typeof address === "object" ? (address?.port ?? 0) : 0, delayMs: 0 };
  return proxy;
}
