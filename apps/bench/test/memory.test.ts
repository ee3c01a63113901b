import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { bytesHeldBy, timersStartedBy } from "../src/memory.js";

describe("memory and timers", () => {
  test("timers are counted, also those that hold no process alive, and the originals are put back", async () => {
    const { setTimeout: timeout, setInterval: interval } = globalThis;
    const started = await timersStartedBy(() => {
      clearTimeout(setTimeout(() => {}, 1_000).unref());
      clearInterval(setInterval(() => {}, 1_000));
    });
    expect(started).toBe(2);
    expect(globalThis.setTimeout).toBe(timeout);
    expect(globalThis.setInterval).toBe(interval);
  });

  test("a make that throws leaves the timers as they were", async () => {
    const { setTimeout: timeout } = globalThis;
    await expect(timersStartedBy(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(globalThis.setTimeout).toBe(timeout);
    await sleep(0);
  });

  test("memory is not guessed at: without a collector there is an error that says how to get one", async () => {
    vi.stubGlobal("gc", undefined);
    await expect(bytesHeldBy(() => [])).rejects.toThrow("--expose-gc");
    vi.unstubAllGlobals();
  });
});
