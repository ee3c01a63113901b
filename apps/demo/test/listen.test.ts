import { expect, test } from "vitest";
import { listen } from "../src/listen.js";

test("a taken port is told, and the next free one is used", async () => {
  const first = await listen((_, response) => response.end("first"), { port: 0 });
  const taken: number[] = [];
  const second = await listen((_, response) => response.end("second"), {
    port: first.port,
    onTaken: (port) => taken.push(port),
  });
  expect(taken[0]).toBe(first.port);
  expect(second.port).toBeGreaterThan(first.port);
  expect(await (await fetch(`http://127.0.0.1:${second.port}/`)).text()).toBe("second");
  await first.close();
  await second.close();
});

test("closing ends open connections too", async () => {
  const listening = await listen(() => {}, { port: 0 });
  const pending = fetch(`http://127.0.0.1:${listening.port}/`);
  const failed = expect(pending).rejects.toThrow();
  await new Promise<void>((resolve) => listening.server.once("request", () => resolve()));
  await listening.close();
  await failed;
});

test("an address that is not of this machine is told with what to give instead", async () => {
  const failed = expect(listen(() => {}, { port: 4_000, host: "192.0.2.1" })).rejects;
  await failed.toMatchObject({ name: "ListenError", message: expect.stringMatching(/192\.0\.2\.1: .+--host/) });
});
