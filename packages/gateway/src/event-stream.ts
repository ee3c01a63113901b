/** The headers of a stream of events, for clients and for whatever stands between. */
export const eventStream = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

const everyMs = 15_000;

/** A comment: a client reads over it. */
export const comment: Uint8Array = Buffer.from(": keep-alive\n\n");

/** Writes a comment into a stream every 15 s, so that nothing between takes it for dead. */
export class KeepAlive {
  #timer: NodeJS.Timeout | undefined;

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#timer = setInterval(() => controller.enqueue(comment), everyMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
