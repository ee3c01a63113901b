import { Pool } from "@minion/pool";
import { expect, onTestFinished, test, vi } from "vitest";
import { memoryServer, start, statusOf } from "../support.js";

test("M10: principals that come and go leave nothing behind", async () => {
  const server = memoryServer();
  const counted = vi.spyOn(Pool.prototype, "stats");
  onTestFinished(() => counted.mockRestore());
  const { client } = start({ one: server.config });
  for (let i = 0; i < 200; i++) {
    const session = await client.session("one", { principal: `principal ${i}` });
    await session[Symbol.asyncDispose]();
  }
  counted.mockClear();
  expect(statusOf(client, "one").pool.total).toBe(0);
  expect(counted.mock.calls.length).toBeLessThan(150);
});

test("M10: principals whose connections are open are not forgotten, however many others come and go", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const kept = Array.from({ length: 100 }, (_, index) => `kept ${index}`);
  for (const principal of kept) await client.callTool("one", "echo", {}, { principal });
  for (let i = 0; i < 300; i++) {
    const session = await client.session("one", { principal: `principal ${i}` });
    await session[Symbol.asyncDispose]();
  }
  expect(statusOf(client, "one").pool).toMatchObject({ total: 100, idle: 100 });
  await client.removeServer("one");
  expect(server.connections).toHaveLength(0);
});

test("Events: the pool of a status is the sum over all principals, whoever came first", async () => {
  const server = memoryServer();
  const { client } = start({ one: server.config });
  await client.callTool("one", "echo", {}, { principal: "ann" });
  expect(statusOf(client, "one").pool).toMatchObject({ total: 1, acquired: 1 });
  await client.callTool("one", "echo");
  await client.callTool("one", "echo", {}, { principal: "bob" });
  expect(statusOf(client, "one").pool).toMatchObject({ total: 3, idle: 3, acquired: 3 });
});

test("M2: one signal for many calls at once is no leak, and no warning", async () => {
  const warnings: string[] = [];
  const note = (warning: Error): void => void warnings.push(warning.message);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const server = memoryServer();
  const { client } = start({ one: server.config });
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 60 }, () => client.callTool("one", "echo", {}, { signal })));
  await Promise.all(Array.from({ length: 60 }, () => client.listTools("one", { signal, refresh: true })));
  // Warnings are told on the next turn of the loop.
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
});
