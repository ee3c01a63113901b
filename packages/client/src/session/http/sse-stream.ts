import type { IncomingMessage } from "node:http";
import { Failure } from "../failure.js";
import type { WireEvents } from "../wire.js";
import { EventTooLarge } from "./event-stream.js";
import { type Pace, readEvents } from "./read-events.js";

/**
 * Reads the stream of a connection by the deprecated HTTP+SSE transport: all that the server says comes by it, and its end
 * is the end of the connection. Resolves with the address to post to, once the server has named it. Rejects with a
 * `Failure` where the stream ends before, or where that address belongs to another origin.
 */
export function openSseStream(
  response: IncomingMessage,
  options: {
    readonly url: URL;
    readonly maxMessageBytes: number;
    readonly events: WireEvents;
    readonly pace: Pace;
    /** The server names another address, of the same origin, while the connection is open. */
    readonly onMoved: (postUrl: URL) => void;
  },
): Promise<URL> {
  const { url, maxMessageBytes, events, pace, onMoved } = options;
  return new Promise((resolve, reject) => {
    const end = (failure: Failure): void => {
      reject(failure);
      events.onEnded(failure);
    };
    const onOther = (type: string, data: string): void => {
      if (type !== "endpoint") return;
      const postUrl = URL.canParse(data, url.href) ? new URL(data, url) : undefined;
      if (postUrl?.origin === url.origin) {
        onMoved(postUrl);
        resolve(postUrl);
        return;
      }
      const problem = "the server named an address of another origin to post to, which is refused";
      end(new Failure("closed", problem, { delivery: "sent" }));
      response.destroy();
    };
    readEvents(response, { maxEventBytes: maxMessageBytes, onMessage: events.onMessage, onOther, pace }).then(
      ({ cause }) => end(new Failure("closed", "the stream of the connection ended", { delivery: "sent", cause })),
      (error) =>
        end(
          error instanceof EventTooLarge
            ? new Failure("too-large", `a message of more than ${maxMessageBytes} bytes`, { delivery: "sent" })
            : new Failure("closed", "the stream of the connection broke off", { delivery: "sent", cause: error }),
        ),
    );
  });
}
