import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, test, vi } from "vitest";
import { Deadline, Deadlines } from "../../src/support/deadlines.js";
import { microtasks } from "../fixtures.js";

afterEach(() => {
  vi.useRealTimers();
});

test("deadlines of any durations run at their instants and in their order, those cancelled never, without a timer too many", async () => {
  class Noted extends Deadline {
    readonly #note: (deadline: Noted) => void;
    constructor(note: (deadline: Noted) => void) {
      super();
      this.#note = note;
    }
    override run(): void {
      this.#note(this);
    }
  }
  const step = fc.tuple(
    fc.constantFrom("set", "set", "cancel", "wait"),
    fc.nat({ max: 50 }),
    fc.constantFrom(0, 10, 10, 10, 15, 15, 20, 3_000_000_000, Number.POSITIVE_INFINITY),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 200, size: "max" }), async (steps) => {
      vi.useFakeTimers();
      const deadlines = new Deadlines(true);
      const waiting: Noted[] = [];
      const ended: Noted[] = [];
      let last = Number.NEGATIVE_INFINITY;
      const note = (deadline: Noted): void => {
        assert.equal(deadline.waiting, false);
        assert.ok(deadline.at >= last, "in their order");
        assert.ok(performance.now() >= deadline.at, "not before its instant");
        last = deadline.at;
        ended.push(...waiting.splice(waiting.indexOf(deadline), 1));
      };
      for (const [what, which, durationMs] of steps) {
        if (what === "set") {
          const deadline = ended.pop() ?? new Noted(note);
          waiting.push(deadline);
          // Some were called with a time read a little earlier than that of the one before.
          deadlines.set(deadline, performance.now() - (which % 3), durationMs);
          assert.ok(deadline.at - performance.now() >= durationMs - (which % 3), "no sooner than asked");
          last = Math.min(last, deadline.at);
        } else if (what === "cancel") {
          const [deadline] = waiting.splice(which % Math.max(1, waiting.length), 1);
          if (deadline === undefined) continue;
          deadlines.cancel(deadline);
          deadlines.cancel(deadline);
          ended.push(deadline);
          assert.equal(deadline.waiting, false);
        } else {
          await vi.advanceTimersByTimeAsync(which % 8);
          for (const deadline of waiting) assert.ok(deadline.at > performance.now() - 1, "none is forgotten");
        }
        assert.equal(
          waiting.every((deadline) => deadline.waiting),
          true,
        );
        // The timer is armed a microtask later.
        await microtasks();
        assert.equal(vi.getTimerCount(), waiting.length === 0 ? 0 : 1);
      }
      vi.useRealTimers();
    }),
  );
});
