import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Pool } from "../src/index.js";
import { Factory, follow, microtasks } from "./fixtures.js";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

test("B18: 10,000 calls with one signal add one listener, print no warning and leave none behind", async () => {
  const { signal } = new AbortController();
  const warnings: string[] = [];
  const note = ({ name }: Error): void => {
    warnings.push(name);
  };
  process.on("warning", note);
  const pool = new Pool({ create: new Factory().create, maxPerKey: 5 });
  const calls = Array.from({ length: 10_000 }, (_, index) =>
    index % 2 > 0
      ? pool.use("a", () => {}, { signal })
      : pool.acquire("a", { signal }).then((lease) => lease.release()),
  );
  const warmed = Array.from({ length: 100 }, (_, index) => pool.warm(`key ${index}`, 1, { signal }));
  expect(listeners(signal)).toBe(1);
  await Promise.all([...calls, ...warmed]);
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", note);
  expect(listeners(signal)).toBe(0);
  expect(warnings).toEqual([]);
  await pool.close();
});

test("B18: an abort reaches all who wait, and not those who were served before", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  await using pool = new Pool({ create: new Factory().create, maxPerKey: 1 });
  const held = await pool.acquire("a");
  const served = pool.acquire("a", { signal });
  const waiting = Array.from({ length: 200 }, () => follow(pool.acquire("a", { signal })));
  const warming = follow(pool.warm("b", 1, { signal }));
  held.release();
  const reason = new Error("left");
  controller.abort(reason);
  for (const call of waiting) expect(await call()).toEqual({ error: reason });
  expect(await warming()).toEqual({ error: reason });
  expect(listeners(signal)).toBe(0);
  expect(pool.stats()).toMatchObject({ waiting: 0, cancelled: 200 });
  (await served).release();
});

test("B18: one that is served by the abort of another is not told of it", async () => {
  const controller = new AbortController();
  await using pool = new Pool({ create: new Factory().create, maxTotal: 1 });
  const held = await pool.acquire("a");
  const calls = [
    pool.acquire("b", { signal: controller.signal, priority: 1 }),
    pool.acquire("a", { signal: controller.signal }),
  ].map((call) => follow(call));
  controller.abort(new Error("left"));
  for (const call of calls) expect(await call()).toMatchObject({ error: { message: "left" } });
  held.release();
  await microtasks();
  expect(pool.stats()).toMatchObject({ waiting: 0, cancelled: 2, leases: 0 });
  expect(listeners(controller.signal)).toBe(0);
});
