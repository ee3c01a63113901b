import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test, vi } from "vitest";
import { HttpSockets } from "../../src/session/http/http-sockets.js";

/** Sockets to a server whose answers tell by which of them the request came, and a clock that is moved by hand. */
async function start(): Promise<{ send(path?: string): Promise<string>; asked: Promise<void>; release(): void }> {
  vi.useFakeTimers({ toFake: ["Date"] });
  let release = (): void => {};
  let noteAsked = (): void => {};
  const asked = new Promise<void>((resolve) => {
    noteAsked = resolve;
  });
  const server = createServer(({ socket, url }, response) => {
    const answer = (): void => void response.end(String(socket.remotePort));
    if (url !== "/slow") return answer();
    release = answer;
    noteAsked();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sockets = new HttpSockets();
  const end = sockets.use();
  onTestFinished(() => {
    vi.useRealTimers();
    end();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    release: () => release(),
    send: async (path = "/") => {
      const url = new URL(path, `http://127.0.0.1:${port}`);
      const socket = await text(
        await sockets.send(url, { method: "GET", headers: {}, signal: new AbortController().signal }),
      );
      // The socket is given back when the request is closed, which is after its answer was read.
      await new Promise(setImmediate);
      return socket;
    },
  };
}

const pass = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

test("M4: a socket that rested while the process stood still is closed before the next request, which the server would not read", async () => {
  const { send } = await start();
  const first = await send();
  pass(3_999);
  expect(await send()).toBe(first);
  pass(4_000);
  expect(await send()).not.toBe(first);
});

test("M4: what a slow answer took is no rest", async () => {
  const { send, asked, release } = await start();
  const slow = send("/slow");
  const other = await send();
  await asked;
  pass(60_000);
  release();
  const first = await slow;
  expect([first, other]).toContain(await send());
});
