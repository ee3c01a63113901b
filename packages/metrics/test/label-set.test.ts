import fc from "fast-check";
import { expect, test } from "vitest";
import { LabelSet } from "../src/label-set.js";
import { Samples } from "../src/samples.js";
import { WatchedSources } from "../src/watched-sources.js";
import { FakeClient, serverFigures } from "./support.js";

test("O3: the same labels are the same set, whatever they hold", () => {
  const pair = fc.tuple(fc.constantFrom("server", "state", "le", "__proto__", "constructor"), fc.string());
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 4 }), fc.array(pair, { maxLength: 4 }), (a, b) => {
      const root = LabelSet.empty();
      const make = (pairs: readonly (readonly [string, string])[]) =>
        pairs.reduce((set, [name, value]) => set.with(name, value), root);
      expect(make(a)).toBe(make(a));
      expect(make(a) === make(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      expect(make(a).first(0)).toBe(root);
      expect(make(a).first(1)).toBe(make(a.slice(0, 1)));
      expect(make(a).withoutLast()).toBe(make(a.slice(0, -1)));
    }),
  );
});

test("O4: labels of servers that are gone do not add up over scrapes", () => {
  const client = new FakeClient();
  const sources = new WatchedSources(0);
  sources.addClient(client);
  let largest = 0;
  for (let scrape = 0; scrape < 500; scrape += 1) {
    client.servers = [0, 1, 2].map((index) => serverFigures(`server-${scrape}-${index}`));
    for (const set of sources.samples().values("client_connected").keys()) largest = Math.max(largest, set.treeSize);
  }
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThan(2_000);
});

test("O3: a value that nobody added is 0", () => {
  const samples = new Samples();
  const set = LabelSet.empty().with("server", "github");
  expect(samples.value("client_calls_total", set)).toBe(0);
  samples.add("client_calls_total", set, 3);
  expect(samples.value("client_calls_total", set)).toBe(3);
});
