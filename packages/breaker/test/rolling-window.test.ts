import fc from "fast-check";
import { expect, test } from "vitest";
import { RollingWindow } from "../src/rolling-window.js";

const windowMs = 1_000;

test("B7: it holds everything younger than nine tenths of the window and nothing older than the window", () => {
  const step = fc.record({ wait: fc.integer({ min: 0, max: 400 }), isFailure: fc.boolean(), isSlow: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 3_000 }), (steps, silence) => {
      const window = new RollingWindow(windowMs);
      const samples: { readonly at: number; readonly isFailure: boolean; readonly isSlow: boolean }[] = [];
      let now = 0;
      const check = (): void => {
        const seen = window.at(now);
        for (const [name, matches] of [
          ["calls", () => true],
          ["failures", ({ isFailure }: { isFailure: boolean }) => isFailure],
          ["slow", ({ isSlow }: { isSlow: boolean }) => isSlow],
        ] as const) {
          const within = (age: number): number => samples.filter((one) => matches(one) && now - one.at < age).length;
          expect(seen[name]).toBeGreaterThanOrEqual(within(windowMs * 0.9));
          expect(seen[name]).toBeLessThanOrEqual(within(windowMs));
        }
      };
      for (const { wait, isFailure, isSlow } of steps) {
        now += wait;
        window.add(now, isFailure, isSlow);
        samples.push({ at: now, isFailure, isSlow });
        check();
      }
      now += silence;
      check();
    }),
  );
});

test("B7: with a clock that jumps anywhere its counts stay whole numbers that add up", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -5_000, max: 5_000 }), { maxLength: 300 }), (jumps) => {
      const window = new RollingWindow(windowMs);
      let now = 10_000;
      for (const [index, jump] of jumps.entries()) {
        now = Math.max(0, now + jump);
        window.add(now, index % 2 === 0, index % 3 === 0);
        const { calls, failures, slow } = window.at(now);
        expect(calls).toBeGreaterThan(0);
        expect(Math.max(failures, slow)).toBeLessThanOrEqual(calls);
        expect(Math.min(failures, slow)).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
