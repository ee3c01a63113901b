import type { Server } from "node:http";
import type { Socket } from "node:net";
import { turns } from "./turns.js";

/** Whoever has sent no request for so long, in milliseconds, has noticed that it is to send no more. */
const quietMs = 250;

/**
 * Who may be about to send a request to a server. A balancer that chose this replica while it was ready is about to send a call
 * over each connection that has not yet had one, and one that is slow to notice sends further calls: both would lose them where
 * the server ends.
 */
export class Newcomers {
  readonly #sockets = new Set<Socket>();
  #onNone: (() => void) | undefined;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(server: Server) {
    const forget = (socket: Socket): void => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onNone?.();
    };
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => forget(socket));
    });
    server.on("request", ({ socket }) => {
      this.#heardAt = performance.now();
      forget(socket);
    });
  }

  /** Resolves when there are none and no request has come for a while, after `withinMs` at the latest. */
  async gone(withinMs: number): Promise<void> {
    await turns();
    const until = performance.now() + withinMs;
    for (;;) {
      const end = this.#sockets.size > 0 ? until : Math.min(this.#heardAt + quietMs, until);
      const leftMs = end - performance.now();
      if (leftMs <= 0) return;
      await new Promise<void>((resolve) => {
        this.#onNone = resolve;
        setTimeout(resolve, leftMs);
      });
    }
  }
}
