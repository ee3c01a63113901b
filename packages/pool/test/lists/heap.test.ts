import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { Heap } from "../../src/lists/heap.js";

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
          assert.equal(item.index, -1);
          heap.remove(item.index);
          items.splice(items.indexOf(item), 1);
        }
        assert.equal(heap.size, items.length);
        assert.equal(
          heap.peek()?.value,
          items.length === 0 ? undefined : Math.min(...items.map((other) => other.value)),
        );
      }
      heap.move(-1);
    }),
  );
});
