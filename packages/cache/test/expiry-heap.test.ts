import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { Entry } from "../src/entry.js";
import { ExpiryHeap } from "../src/expiry-heap.js";

const ttl = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(Number.POSITIVE_INFINITY));
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("add" as const), ttl }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("remove" as const), pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("rewrite" as const), pick: fc.nat(), ttl }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("expire" as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.nat({ max: 8 }) }) },
);

for (const isExact of [true, false])
  test(`C6: the ${isExact ? "exact" : "lazy"} heap gives the entry that expires first, under random writes, removals and clocks`, () => {
    const run = (steps: (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): void => {
      const heap = new ExpiryHeap<number>(isExact, 120);
      const entries: Entry<number>[] = [];
      let now = 0;
      let written = 0;
      for (const one of steps) {
        written += 1;
        if (one.type === "add") {
          const entry = new Entry("key", written, one.ttl, now, written, []);
          entries.push(entry);
          heap.add(entry);
        } else if (one.type === "pass") now += one.ms;
        else {
          const index = one.pick % Math.max(1, entries.length);
          const entry = entries[index];
          if (entry === undefined) continue;
          if (one.type === "remove") {
            entries.splice(index, 1);
            heap.remove(entry);
          } else {
            if (one.type === "rewrite") entry.rewrite(written, one.ttl, now, written, []);
            else entry.expire(now);
            heap.update(entry);
          }
        }
        assert.equal(
          heap.countOver((at) => at <= now),
          entries.filter(({ expiresAt }) => expiresAt <= now).length,
        );
        // Asked only now and then, so that more than one entry keeps a place of before.
        if (written % 3 > 0) continue;
        const [least] = entries.toSorted((a, b) =>
          a.expiresAt === b.expiresAt ? a.written - b.written : a.expiresAt - b.expiresAt,
        );
        assert.equal(heap.first?.expiresAt, least?.expiresAt);
        if (isExact) assert.equal(heap.first, least);
      }
      heap.clear();
      heap.remove(new Entry("key", 0, 0, 0, 0, []));
      assert.equal(heap.first, undefined);
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 120, size: "max" }), run), { numRuns: 500 });
  });
