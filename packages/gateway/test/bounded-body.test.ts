import { expect, test, vi } from "vitest";
import { withBoundedBody } from "../src/bounded-body.js";

const headers = { "content-type": "text/event-stream" };

/** A stream that is written to by hand, bounded to 100 bytes. */
function bounded(): {
  readonly response: Response;
  write(bytes: number): void;
  close(): void;
  readonly onEnd: ReturnType<typeof vi.fn>;
  readonly onStalled: ReturnType<typeof vi.fn>;
  readonly onCancel: ReturnType<typeof vi.fn>;
  leave(): void;
} {
  const gone = new AbortController();
  const [onEnd, onStalled, onCancel] = [vi.fn(), vi.fn(), vi.fn()];
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      source = controller;
    },
    cancel: onCancel,
  });
  const response = withBoundedBody(new Response(body, { headers }), {
    maxBufferedBytes: 100,
    onEnd,
    onStalled,
    signal: gone.signal,
  });
  const write = (bytes: number): void => source?.enqueue(new Uint8Array(bytes));
  return { response, write, close: () => source?.close(), onEnd, onStalled, onCancel, leave: () => gone.abort() };
}

test("G13: a stream whose reader is slow is cut once too much waits for it, and its source is told", async () => {
  const { response, write, onEnd, onStalled, onCancel } = bounded();
  for (let part = 0; part < 4; part += 1) write(60);
  await vi.waitFor(() => expect(onStalled).toHaveBeenCalledTimes(1));
  expect([onEnd.mock.calls.length, onCancel.mock.calls.length]).toEqual([1, 1]);
  await expect(response.text()).rejects.toThrow(/too slow/);
});

test("G13: a stream that is read is passed whole, however much of it there is", async () => {
  const { response, write, close, onEnd, onStalled } = bounded();
  const reader = response.body?.getReader();
  let got = 0;
  for (let part = 0; part < 20; part += 1) {
    write(60);
    got += (await reader?.read())?.value?.length ?? 0;
  }
  close();
  expect((await reader?.read())?.done).toBe(true);
  expect([got, onEnd.mock.calls.length, onStalled.mock.calls.length]).toEqual([1_200, 1, 0]);
});

test("G13: one message that is larger than the limit passes, since no reader could take it sooner", async () => {
  const { response, write, close, onStalled } = bounded();
  write(5_000);
  close();
  expect((await response.arrayBuffer()).byteLength).toBe(5_000);
  expect(onStalled).not.toHaveBeenCalled();
});

test("a reader that goes away ends the stream once, and its source is told", async () => {
  const { response, write, onEnd, onCancel } = bounded();
  write(10);
  await response.body?.cancel();
  expect([onEnd.mock.calls.length, onCancel.mock.calls.length]).toEqual([1, 1]);
});

test("G18: a stream whose reader has gone ends at once, though nothing is sent over it, and its source is told", async () => {
  const { response, write, onEnd, onStalled, onCancel, leave } = bounded();
  write(10);
  leave();
  expect(onEnd).toHaveBeenCalledTimes(1);
  expect(onCancel).toHaveBeenCalledTimes(1);
  expect((await response.arrayBuffer()).byteLength).toBeLessThanOrEqual(10);
  expect(onStalled).not.toHaveBeenCalled();
});
