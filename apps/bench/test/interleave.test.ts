import { describe, expect, test } from "vitest";
import { batching, interleave, timeEach } from "../src/interleave.js";

function recorder(names: readonly string[]) {
  const order: string[] = [];
  const contenders = names.map((name, index) => ({
    name,
    sample: () => {
      order.push(name);
      return order.length * 10 + index;
    },
  }));
  return { order, contenders };
}

describe("interleaving", () => {
  test("everybody is asked once per round, and the first one moves on from round to round", async () => {
    const { order, contenders } = recorder(["a", "b", "c"]);
    await interleave(contenders, 3);
    expect(order.join("")).toBe("abc" + "bca" + "cab" + "abc");
  });

  test("the first round warms up and is not counted", async () => {
    const { contenders } = recorder(["a", "b"]);
    // Calls 1 and 2 are the warm-up; then b is third, a fourth, a fifth, b sixth.
    expect(await interleave(contenders, 2)).toEqual({ a: [40, 50], b: [31, 61] });
  });

  test("a contender that fails fails the case", async () => {
    const failing = { name: "a", sample: () => Promise.reject(new Error("down")) };
    await expect(interleave([failing], 1)).rejects.toThrow("down");
  });

  test("short runs are sampled together, in a number that mitata can unroll, long ones one by one", () => {
    for (const runNs of [1, 50, 300, 7_777, 100_000, 249_000]) {
      const { batch_samples: runs = 0, warmup_threshold } = batching(runNs);
      expect(runs % 4).toBe(0);
      expect(runs).toBeGreaterThan(4);
      expect(runs).toBeLessThanOrEqual(4096);
      expect(warmup_threshold).toBe(Number.POSITIVE_INFINITY);
    }
    expect(batching(250_000)).toEqual({ warmup_threshold: -1 });
    expect(batching(5e6)).toEqual({ warmup_threshold: -1 });
  });

  test("time per operation is divided by what one run stands for", async () => {
    const effort = { quick: true, rounds: 1, roundMs: 1 };
    const spin = (): void => {
      const until = performance.now() + 1;
      while (performance.now() < until);
    };
    const whole = await timeEach({ minion: spin }, effort);
    const parts = await timeEach({ minion: spin }, effort, 1_000);
    expect(whole.minion?.[0]).toBeGreaterThanOrEqual(1e6);
    expect(parts.minion?.[0]).toBeGreaterThanOrEqual(1e3);
    expect(parts.minion?.[0]).toBeLessThan(1e6);
  });
});
