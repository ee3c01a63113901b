import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Entry } from "../src/entry.js";
import { ExpiryHeap } from "../src/expiry-heap.js";
import { ExpiryStore } from "../src/expiry-store.js";
import { FrequencyStore } from "../src/frequency-store.js";
import { IndexedHeap } from "../src/indexed-heap.js";
import { RecencyStore } from "../src/recency-store.js";
import type { Store } from "../src/store.js";

describe("IndexedHeap", () => {
  interface Member {
    rank: number;
    slot: number;
  }

  const step = fc.oneof(
    fc.record({ type: fc.constant("add" as const), rank: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ type: fc.constant("remove" as const), pick: fc.nat() }),
    fc.record({ type: fc.constant("move" as const), pick: fc.nat(), rank: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ type: fc.constant("halve" as const) }),
  );

  test("C6: the first is always the least, under random additions, removals and changes", () => {
    const run = (steps: (typeof step extends fc.Arbitrary<infer T> ? T : never)[]): void => {
      const heap = new IndexedHeap<Member>((one, other) => one.rank < other.rank);
      const members: Member[] = [];
      for (const step of steps) {
        if (step.type === "add") {
          const member = { rank: step.rank, slot: 0 };
          members.push(member);
          heap.add(member);
        } else if (step.type === "halve") {
          for (const member of members) member.rank = 20 - member.rank;
          heap.rebuild();
        } else {
          const index = step.pick % Math.max(1, members.length);
          const member = members[index];
          if (member === undefined) continue;
          if (step.type === "remove") {
            members.splice(index, 1);
            heap.remove(member);
          } else {
            member.rank = step.rank;
            heap.update(member);
          }
        }
        const ranks = members.map(({ rank }) => rank);
        expect(heap.first?.rank).toBe(members.length === 0 ? undefined : Math.min(...ranks));
      }
      heap.clear();
      expect(heap.first).toBeUndefined();
    };
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), run), { numRuns: 500 });
  });
});

describe("every store", () => {
  const stores: Record<string, () => Store<number>> = {
    lru: () => new RecencyStore(3, "lru"),
    fifo: () => new RecencyStore(3, "fifo"),
    lfu: () => new FrequencyStore(3),
    ttl: () => new ExpiryStore(new ExpiryHeap(true, 3)),
  };
  for (const [name, make] of Object.entries(stores))
    test(`C6: ${name} finds what it holds, gives up nothing by itself and forgets what is deleted`, () => {
      const store = make();
      expect(store.victim()).toBeUndefined();
      const entries = ["a", "b", "c"].map((key, index) => new Entry(key, index, 1_000, 0, index, []));
      for (const entry of entries) store.add(entry);
      const [a, b] = entries;
      if (a === undefined || b === undefined) throw new Error("bug: there are three");
      expect([...store.entries()].sort((one, other) => one.value - other.value)).toEqual(entries);
      expect([store.peek("a"), store.use("b"), store.use("x"), store.peek("x")]).toEqual([a, b, undefined, undefined]);
      store.victim();
      expect(store.size).toBe(3);
      store.delete(a);
      store.delete(a);
      expect([store.size, store.peek("a"), store.use("a")]).toEqual([2, undefined, undefined]);
      store.clear();
      expect([store.size, store.victim(), [...store.entries()]]).toEqual([0, undefined, []]);
    });
});
