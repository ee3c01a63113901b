import { setImmediate } from "node:timers/promises";
import { startChaosServer } from "@minion/chaos";
import { expect, test, vi } from "vitest";
import { post, startGateway } from "./support.js";

test("G4: close ends a drain, and whoever drains a second time waits for the first", async () => {
  await using chaos = await startChaosServer({ faults: { hangCalls: true } });
  const { url, gateway, client } = await startGateway({ chaos: { url: chaos.url } });
  const call = post(url, "tools/call", { name: "mcp_chaos_echo", arguments: { text: "a" } }).catch(() => {});
  await vi.waitFor(() => expect(gateway.status().calls).toBe(1), 10_000);
  const first = gateway.drain({ delayMs: 0, graceMs: 600_000 });
  let isOver = false;
  const second = gateway.drain().then(() => {
    isOver = true;
  });
  await setImmediate();
  expect(isOver).toBe(false);
  await gateway.close();
  await Promise.all([first, second]);
  await client.close({ graceMs: 0 });
  await call;
}, 20_000);

test("G4: whatever is answered during a drain, a balancer is told to send no more over that connection", async () => {
  const { url, gateway } = await startGateway({});
  const connectionOf = async (path: string) => (await fetch(new URL(path, url))).headers.get("connection");
  expect(await connectionOf("/")).toBe("keep-alive");
  const drained = gateway.drain({ delayMs: 600_000 });
  expect([await connectionOf("/"), await connectionOf("/mcp")]).toEqual(["close", "close"]);
  await gateway.close();
  await drained;
});

test("G4: a close ends the wait for balancers, and what fails before refusing ends no drain", async () => {
  const waiting = await startGateway({});
  const drained = waiting.gateway.drain({ delayMs: 600_000 });
  await waiting.gateway.close();
  await drained;
  const failing = await startGateway({});
  const beforeRefusing = (): never => {
    throw new Error("no");
  };
  await failing.gateway.drain({ delayMs: 0, beforeRefusing });
  expect((await post(failing.url, "tools/list")).status).toBe(503);
}, 20_000);
