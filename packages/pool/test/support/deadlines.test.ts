import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
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
        expect(deadline.waiting).toBe(false);
        expect(deadline.at, "in their order").toBeGreaterThanOrEqual(last);
        expect(performance.now(), "not before its instant").toBeGreaterThanOrEqual(deadline.at);
        last = deadline.at;
        ended.push(...waiting.splice(waiting.indexOf(deadline), 1));
      };
      for (const [what, which, durationMs] of steps) {
        if (what === "set") {
          const deadline = ended.pop() ?? new Noted(note);
          waiting.push(deadline);
          // Some were called with a time read a little earlier than that of the one before.
          deadlines.set(deadline, performance.now() - (which % 3), durationMs);
          expect(deadline.at - performance.now()).toBeGreaterThanOrEqual(durationMs - (which % 3));
          last = Math.min(last, deadline.at);
        } else if (what === "cancel") {
          const [deadline] = waiting.splice(which % Math.max(1, waiting.length), 1);
          if (deadline === undefined) continue;
          deadlines.cancel(deadline);
          deadlines.cancel(deadline);
          ended.push(deadline);
          expect(deadline.waiting).toBe(false);
        } else {
          await vi.advanceTimersByTimeAsync(which % 8);
          for (const deadline of waiting)
            expect(deadline.at, "none is forgotten").toBeGreaterThan(performance.now() - 1);
        }
        expect(waiting.every((deadline) => deadline.waiting)).toBe(true);
        // The timer is armed a microtask later.
        await microtasks();
        expect(vi.getTimerCount()).toBe(waiting.length === 0 ? 0 : 1);
      }
      vi.useRealTimers();
    }),
  );
});
