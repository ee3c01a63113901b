import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, Socket } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { closeServer } from "../src/close-server.js";
import { Newcomers } from "../src/newcomers.js";
import { turns } from "../src/turns.js";

async function start() {
  const server = createServer((_, answer) => answer.end());
  const newcomers = new Newcomers(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const open = () => {
    const socket = connect(port, "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  return { server, newcomers, open };
}

const aLongTimeMs = 600_000;

/** Keeps the process from doing anything else. */
function beBusy(forMs: number): void {
  const until = performance.now() + forMs;
  while (performance.now() < until);
}

test("G4: a connection that came while the process was busy is waited for, until it has sent its request", async () => {
  const { newcomers, open } = await start();
  const socket = open();
  // The system accepts it meanwhile, and this process has not yet heard of it.
  beBusy(50);
  let isGone = false;
  const gone = newcomers.gone(aLongTimeMs).then(() => {
    isGone = true;
  });
  await once(socket, "connect");
  expect(isGone).toBe(false);
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await gone;
});

test("G4: a connection that closes without a word is waited for no longer", async () => {
  const { newcomers, open } = await start();
  const socket = open();
  await once(socket, "connect");
  const gone = newcomers.gone(aLongTimeMs);
  socket.destroy();
  await gone;
});

test("G4: where there is no connection, or none that is silent, nothing is waited for", async () => {
  const { newcomers, open } = await start();
  await newcomers.gone(aLongTimeMs);
  const socket = open();
  socket.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
  await once(socket, "data");
  await newcomers.gone(aLongTimeMs);
});

test("G4: whoever still sends requests has not noticed the drain: it is waited for until it is quiet, but not beyond the time given", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const server = createServer();
  const newcomers = new Newcomers(server);
  const ask = () => server.emit("request", { socket: new Socket() });
  const over: string[] = [];
  ask();
  const gone = newcomers.gone(aLongTimeMs).then(() => over.push("quiet"));
  const hurried = newcomers.gone(900).then(() => over.push("hurried"));
  await turns();
  for (let count = 0; count < 4; count += 1) {
    await vi.advanceTimersByTimeAsync(200);
    ask();
  }
  expect(over).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  expect(over).toEqual(["hurried"]);
  await vi.advanceTimersByTimeAsync(150);
  expect(over).toEqual(["hurried", "quiet"]);
  await Promise.all([gone, hurried]);
});

test("G4: a request that came over an idle connection while the process was busy is answered, not reset by the end of the server", async () => {
  const { server, open } = await start();
  const socket = open();
  const head = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
  socket.write(head);
  await once(socket, "data");
  socket.write(head);
  // The system has it by now, and this process has not read it yet.
  beBusy(50);
  const answer = once(socket, "data");
  await closeServer(server, aLongTimeMs);
  expect(String(await answer)).toMatch(/^HTTP\/1\.1 200 /);
});

test("G4: a connection that stays silent is waited for as long as is said, and no longer", async () => {
  const { newcomers, open } = await start();
  await once(open(), "connect");
  const begin = performance.now();
  await newcomers.gone(30);
  expect(performance.now() - begin).toBeGreaterThanOrEqual(29);
});
