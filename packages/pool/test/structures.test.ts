import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { Core } from "../src/core.js";
import { Deadline, Deadlines } from "../src/deadlines.js";
import { Heap } from "../src/heap.js";
import { HistogramRecorder } from "../src/histogram.js";
import { Waiter } from "../src/waiter.js";
import { goesBefore, WaitingLine } from "../src/waiting-line.js";

afterEach(() => {
  vi.useRealTimers();
});

test("the heap yields the least of what is in it, whatever is pushed, moved and removed", () => {
  const step = fc.tuple(
    fc.constantFrom("push", "push", "remove", "move", "pop"),
    fc.nat({ max: 50 }),
    fc.nat({ max: 20 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const items: { value: number; index: number }[] = [];
      const heap = new Heap<{ value: number; index: number }>(
        (a, b) => a.value < b.value,
        (item, index) => {
          item.index = index;
        },
      );
      for (const [what, which, value] of steps) {
        const at = which % Math.max(1, items.length);
        const item = what === "pop" ? heap.peek() : items[at];
        if (what === "push") {
          const pushed = { value, index: -1 };
          items.push(pushed);
          heap.push(pushed);
        } else if (item !== undefined && what === "move") {
          item.value = value;
          heap.move(item.index);
        } else if (item !== undefined) {
          heap.remove(item.index);
          expect(item.index).toBe(-1);
          heap.remove(item.index);
          items.splice(items.indexOf(item), 1);
        }
        expect(heap.size).toBe(items.length);
        expect(heap.peek()?.value).toBe(
          items.length === 0 ? undefined : Math.min(...items.map((other) => other.value)),
        );
      }
      heap.move(-1);
    }),
  );
});

test("the waiting line serves by priority and age, and knows the first for whom nothing is on the way", () => {
  const step = fc.tuple(
    fc.constantFrom("add", "add", "remove", "serve", "places"),
    fc.nat({ max: 12 }),
    fc.nat({ max: 3 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const core = new Core<string>({ create: async (key) => key });
      const lane = core.lane("a");
      const line = new WaitingLine<string>();
      const model: Waiter<string>[] = [];
      const never = () => {};
      for (const [what, n, priority] of steps) {
        if (what === "places") {
          line.places = n;
        } else if (what === "add") {
          const waiter = new Waiter(lane, { priority }, { since: 0, stack: undefined }, never, never);
          model.push(waiter);
          model.sort((a, b) => (goesBefore(a, b) ? -1 : 1));
          line.add(waiter);
        } else {
          const waiter = what === "serve" ? line.first : model[n % Math.max(1, model.length)];
          if (waiter === undefined) continue;
          expect(line.remove(waiter)).toBe(true);
          expect(line.remove(waiter)).toBe(false);
          model.splice(model.indexOf(waiter), 1);
        }
        expect(line.size).toBe(model.length);
        expect(line.first).toBe(model[0]);
        expect(line.unserved).toBe(Math.max(0, model.length - line.places));
        expect(line.firstUnserved === undefined).toBe(line.unserved === 0);
      }
    }),
  );
});

test("the first unserved is the one behind as many as there are places on the way", () => {
  const core = new Core<string>({ create: async (key) => key });
  const line = new WaitingLine<string>();
  const never = () => {};
  const waiters = Array.from(
    { length: 5 },
    () => new Waiter(core.lane("a"), undefined, { since: 0, stack: undefined }, never, never),
  );
  line.places = 1;
  for (const waiter of waiters) line.add(waiter);
  expect(line.firstUnserved).toBe(waiters[1]);
  line.places = 3;
  expect(line.firstUnserved).toBe(waiters[3]);
  if (waiters[0]) line.remove(waiters[0]);
  expect(line.firstUnserved).toBe(waiters[4]);
  line.places = 2;
  expect(line.firstUnserved, "a lost place makes the first of all count again").toBe(waiters[1]);
});

test("the histogram puts each observation under its bound", () => {
  const recorder = new HistogramRecorder();
  for (const ms of [0.5, 0.6, 1, 30_000, 30_001]) recorder.observe(ms);
  const { counts, sum } = recorder.snapshot(7);
  expect(counts).toEqual([3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
  expect(sum).toBeCloseTo(60_003.1);
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
        expect(vi.getTimerCount()).toBe(waiting.length === 0 ? 0 : 1);
      }
      vi.useRealTimers();
    }),
  );
});
