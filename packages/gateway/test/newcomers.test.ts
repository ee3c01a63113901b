import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Newcomers } from "../src/newcomers.js";

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
  return { newcomers, open };
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

test("G4: a connection that stays silent is waited for as long as is said, and no longer", async () => {
  const { newcomers, open } = await start();
  await once(open(), "connect");
  const begin = performance.now();
  await newcomers.gone(30);
  expect(performance.now() - begin).toBeGreaterThanOrEqual(29);
});
