/** How a stream is watched. */
export interface BodyLimits {
  /** How much may wait for the reader, in bytes. */
  readonly maxBufferedBytes: number;
  /** Called when the reader is too slow, after the stream was ended. */
  readonly onStalled: () => void;
  /** Called once, when the stream has ended, however. */
  readonly onEnd: () => void;
  /** Aborts when the reader has gone, of which a stream would hear only with what it sends next. */
  readonly signal: AbortSignal;
}

/**
 * The response with a body that is read at once, so that its source never waits for a slow reader, and that is cut where
 * too much waits. A response that is no stream of events is left as it is, and has ended.
 */
export function withBoundedBody(
  response: Response,
  { maxBufferedBytes, onStalled, onEnd, signal }: BodyLimits,
): Response {
  if (response.body === null || response.headers.get("content-type") !== "text/event-stream") {
    onEnd();
    return response;
  }
  const reader = response.body.getReader();
  let isOver = false;
  const end = (): void => {
    if (!isOver) onEnd();
    isOver = true;
  };
  const watch = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const leave = (): void => {
      if (isOver) return;
      end();
      controller.close();
      reader.cancel(signal.reason).catch(() => {});
    };
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  };
  const pump = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (isOver) return;
        if (done) break;
        if (-(controller.desiredSize ?? 0) > maxBufferedBytes) {
          end();
          controller.error(new Error("The reader of the stream is too slow"));
          await reader.cancel();
          onStalled();
          return;
        }
        controller.enqueue(value);
      }
      end();
      controller.close();
    } catch (error) {
      end();
      controller.error(error);
    }
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        watch(controller);
        void pump(controller);
      },
      cancel: async (reason) => {
        end();
        await reader.cancel(reason);
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return new Response(body, { status: response.status, headers: response.headers });
}
