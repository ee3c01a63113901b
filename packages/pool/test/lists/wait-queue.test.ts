import assert from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { goesBefore, WaitQueue } from "../../src/lists/wait-queue.js";
import { Waiter } from "../../src/model/waiter.js";

const never = (): void => {};
const nowhere = { cancelled: never, timedOut: never };
const waiterOf = (order: number, priority = 0): Waiter<string> =>
  new Waiter(nowhere, { priority }, { since: 0, stack: undefined, order, timeoutMs: 0 }, never, never);

test("the wait queue serves by priority and age, and knows the first for whom nothing is on the way", () => {
  const step = fc.tuple(
    fc.constantFrom("add", "add", "remove", "serve", "places"),
    fc.nat({ max: 12 }),
    fc.nat({ max: 3 }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const queue = new WaitQueue<string>();
      const model: Waiter<string>[] = [];
      let order = 0;
      for (const [what, n, priority] of steps) {
        if (what === "places") {
          queue.places = n;
        } else if (what === "add") {
          order += 1;
          const waiter = waiterOf(order, priority);
          model.push(waiter);
          model.sort((a, b) => (goesBefore(a, b) ? -1 : 1));
          queue.add(waiter);
        } else {
          const waiter = what === "serve" ? queue.first : model[n % Math.max(1, model.length)];
          if (waiter === undefined) continue;
          assert.equal(queue.remove(waiter), true);
          assert.equal(queue.remove(waiter), false);
          model.splice(model.indexOf(waiter), 1);
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.first, model[0]);
        assert.equal(queue.unserved, Math.max(0, model.length - queue.places));
        assert.equal(queue.firstUnserved === undefined, queue.unserved === 0);
      }
    }),
  );
});

test("the first unserved is the one behind as many as there are places on the way", () => {
  const queue = new WaitQueue<string>();
  const waiters = Array.from({ length: 5 }, (_, index) => waiterOf(index));
  queue.places = 1;
  for (const waiter of waiters) queue.add(waiter);
  expect(queue.firstUnserved).toBe(waiters[1]);
  queue.places = 3;
  expect(queue.firstUnserved).toBe(waiters[3]);
  if (waiters[0]) queue.remove(waiters[0]);
  expect(queue.firstUnserved).toBe(waiters[4]);
  queue.places = 2;
  expect(queue.firstUnserved, "a lost place makes the first of all count again").toBe(waiters[1]);
});
