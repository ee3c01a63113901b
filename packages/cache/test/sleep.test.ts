import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Cache } from "../src/index.js";
import { cached, pass } from "./support.js";

const hour = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The machine sleeps: the wall clock goes on, the monotonic one and timers stand still. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

test("C14: after eight hours of sleep a value of five minutes is not fresh, and gone where its windows are over", async () => {
  const cache = new Cache<string>({ ttlMs: 300_000, staleIfErrorMs: hour });
  cache.set("key", "old");
  await pass(1_100);
  expect(cache.get("key")).toBe("old");
  sleep(8 * hour);
  await pass(1_000);
  expect([cache.get("key"), cache.has("key"), cache.size]).toEqual([undefined, false, 0]);
});

test("C14: a value that may be older stays, is as old as the wall clock says, and the rest of its time is shorter", async () => {
  const cache = new Cache<string>({ ttlMs: 10 * hour });
  cache.set("key", "old");
  const cachedAt = Date.now();
  await pass(1_000);
  sleep(8 * hour);
  await pass(1_000);
  expect(cache.inspect("key")).toMatchObject({
    cachedAt,
    ageMs: 8 * hour + 2_000,
    expiresInMs: 2 * hour - 2_000,
    state: "fresh",
  });
});

test("C14: what is stored right after the sleep, before anybody noticed it, is new", async () => {
  const cache = new Cache<string>({ ttlMs: 300_000 });
  cache.set("before", "old");
  await pass(500);
  sleep(8 * hour);
  cache.set("after", "new");
  await pass(500);
  expect(cache.inspect("after")).toMatchObject({ cachedAt: Date.now() - 500, ageMs: 500 });
  expect(await cached(cache, "after")).toBe("new");
  expect(cache.has("before")).toBe(false);
});

test("C14: a load that began before the sleep gives a new value", async () => {
  const cache = new Cache<string>({ ttlMs: 300_000, loadTimeoutMs: 60_000 });
  const call = cache.getOrSet("key", async () => {
    sleep(8 * hour);
    return "new";
  });
  expect(await call).toBe("new");
  await pass(2_000);
  expect(cache.inspect("key")).toMatchObject({ ageMs: 2_000 });
});

test("C14: cachedAt and ageMs never contradict each other by more than a second, whatever the wall clock does", async () => {
  const cache = new Cache<string>({ ttlMs: Number.POSITIVE_INFINITY });
  cache.set("key", "value");
  for (const stepMs of [90_000, 9_000, -500, 50, 40, -2 * hour, 7 * hour, 20, 0]) {
    sleep(stepMs);
    await pass(1_100);
    const entry = cache.inspect("key");
    if (entry === undefined) throw new Error("bug: it never expires");
    expect(Math.abs(Date.now() - entry.cachedAt - entry.ageMs), `after a step of ${stepMs} ms`).toBeLessThanOrEqual(
      1_000,
    );
    expect(cache.inspect("key")?.cachedAt, "two looks say the same").toBe(entry.cachedAt);
  }
});

test("C14: corrections of less than 10 s, steps back and another monotonic clock age nothing", async () => {
  const cache = new Cache<string>({ ttlMs: 60_000 });
  cache.set("key", "value");
  await pass(1_000);
  sleep(9_999);
  await pass(1_000);
  sleep(-hour);
  await pass(1_000);
  expect(cache.inspect("key")?.ageMs).toBe(3_000);
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  sleep(hour);
  expect(cache.get("key")).toBe("value");
  now.mockReturnValue(2_000);
  expect(cache.get("key")).toBe("value");
});

test("C14: reads look at the wall clock at most once a second", async () => {
  const cache = new Cache<string>();
  cache.set("key", "value");
  const wall = vi.spyOn(Date, "now");
  for (let read = 0; read < 1_000; read += 1) {
    await pass(10);
    cache.get("key");
    await cached(cache, "key");
  }
  expect(wall.mock.calls.length).toBeLessThanOrEqual(10);
});
