import fc from "fast-check";
import { expect, test } from "vitest";
import { type BreakerFigures, type BreakerSource, Metrics } from "../src/index.js";
import { breaker, breakerFigures, FakeClient, family, serverFigures } from "./support.js";

const calls = "mcp_circuit_breaker_calls_total";
const state = "mcp_circuit_breaker_state";

function many(count: number, figures: Partial<BreakerFigures> = {}): BreakerSource[] {
  return Array.from({ length: count }, (_, index) => breaker(`host-${index}`, { calls: 1, ...figures }));
}

test("O3: a hundred names of breakers are labels, the rest counts as other, and no call is lost", async () => {
  const metrics = new Metrics();
  for (const each of many(1_000)) metrics.watchBreaker(each);
  const text = await metrics.text();
  const values = family(text, calls);
  expect(Object.keys(values)).toHaveLength(101);
  expect(values['{server="host-99"}']).toBe("1");
  expect(values['{server="other"}']).toBe("900");
  expect(family(text, state)['{server="other",state="closed"}'], "a count of breakers").toBe("900");
});

test("O3: a breaker called other is one of the hundred, and shares its series with the rest", async () => {
  const metrics = new Metrics().watchBreaker(breaker("other", { calls: 5 }));
  for (const each of many(150)) metrics.watchBreaker(each);
  const values = family(await metrics.text(), calls);
  expect(Object.keys(values)).toHaveLength(101);
  expect(values['{server="other"}']).toBe(String(5 + 50));
});

test("O3: servers of a client keep their names: who configures them decides how many there are", async () => {
  const names = Array.from({ length: 150 }, (_, index) => `server-${index}`);
  const metrics = new Metrics().watchClient(new FakeClient(names.map((name) => serverFigures(name))));
  expect(Object.keys(family(await metrics.text(), calls))).toHaveLength(150);
});

test("O4: breakers of one label: their sum falls neither when one goes nor when one is reset", async () => {
  let first = 100;
  const a = { name: "db", stats: () => breakerFigures({ calls: first, transitionsTo: { open: first } }) };
  const b = breaker("db", { calls: 30, failures: 3, rejected: 2, state: "open" });
  const metrics = new Metrics().watchBreaker(a).watchBreaker(b);
  const read = async () => family(await metrics.text(), calls)['{server="db"}'];
  expect(await read()).toBe("130");
  first = 5;
  expect(await read(), "a was reset and has had 5 calls since").toBe("135");
  first = 9;
  metrics.unwatch(a);
  expect(await read(), "what a counted since the last scrape is kept").toBe("139");
  expect(family(await metrics.text(), state)).toMatchObject({
    '{server="db",state="open"}': "1",
    '{server="db",state="closed"}': "0",
  });
  metrics.unwatch(b);
  expect(family(await metrics.text(), calls), "the last one takes the series along").toEqual({});
});

test("O4: a breaker whose figures cannot be read costs itself only, also when it goes", async () => {
  const broken = { name: "db", stats: (): BreakerFigures => breakerFigures({ calls: Number.NaN }) };
  const metrics = new Metrics().watchBreaker(broken);
  expect(family(await metrics.text(), calls)).toEqual({});
  metrics.watchBreaker(breaker("db", { calls: 4 })).unwatch(broken);
  expect(family(await metrics.text(), calls)).toEqual({ '{server="db"}': "4" });
  expect(Number(family(await metrics.text(), "mcp_metrics_collect_errors_total")['{source="breaker"}'])).toBe(2);
});

test("O4: watching a breaker twice counts it once, and a name that became free is used again", async () => {
  const metrics = new Metrics();
  const sources = many(101);
  for (const each of [...sources, ...sources]) metrics.watchBreaker(each);
  expect(family(await metrics.text(), calls)['{server="other"}']).toBe("1");
  for (const each of sources.slice(0, 1)) metrics.unwatch(each);
  metrics.watchBreaker(breaker("new", { calls: 3 }));
  const values = family(await metrics.text(), calls);
  expect(values['{server="new"}']).toBe("3");
  expect(values['{server="other"}'], "its counts stay where they were").toBe("1");
});

test("O4: under any order of calls, watches and scrapes the counters of a name grow by its calls", async () => {
  const step = fc.record({ index: fc.nat(4), call: fc.nat(3), watch: fc.boolean(), scrape: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const counts = [0, 0, 0, 0, 0];
      const sources = counts.map((_, index) => ({
        name: "db",
        stats: () => breakerFigures({ calls: counts[index] ?? 0 }),
      }));
      const anchor = breaker("db");
      const metrics = new Metrics({ aliases: [] }).watchBreaker(anchor);
      const watched = new Set<number>();
      let expected = 0;
      for (const { index, call, watch, scrape } of steps) {
        const source = sources[index];
        if (source === undefined) continue;
        if (watch && !watched.has(index)) {
          metrics.watchBreaker(source);
          watched.add(index);
          expected += counts[index] ?? 0;
        } else if (!watch && watched.delete(index)) metrics.unwatch(source);
        counts[index] = (counts[index] ?? 0) + call;
        if (watched.has(index)) expected += call;
        if (scrape) expect(family(await metrics.text(), calls)['{server="db"}']).toBe(String(expected));
      }
    }),
    { numRuns: 60 },
  );
});
