import type { Server } from "node:http";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";

/**
 * The connections to a server that have not yet sent a request. A balancer that chose this replica while it was ready is about
 * to send a call over each, and would lose it where the server ends.
 */
export class Newcomers {
  readonly #sockets = new Set<Socket>();
  #onNone: (() => void) | undefined;

  constructor(server: Server) {
    const forget = (socket: Socket): void => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onNone?.();
    };
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => forget(socket));
    });
    server.on("request", ({ socket }) => forget(socket));
  }

  /** Resolves when there are none, after `withinMs` at the latest. */
  async gone(withinMs: number): Promise<void> {
    // A process that was busy has not seen what the system accepted for it, and the end of its server would reset all of that.
    for (let turn = 0; turn < 2; turn += 1) await setImmediate();
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onNone = resolve;
      setTimeout(resolve, withinMs);
    });
  }
}
