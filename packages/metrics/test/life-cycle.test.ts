import fc from "fast-check";
import { expect, test } from "vitest";
import { Metrics, type PoolFigures } from "../src/index.js";
import { PoolTotals } from "../src/pool-totals.js";
import { addHistograms } from "../src/samples.js";
import {
  breaker,
  cache,
  cacheFigures,
  FakeClient,
  family,
  pool,
  poolFigures,
  seriesOf,
  serverFigures,
} from "./support.js";

const count = "mcp_client_operation_duration_seconds_count";

test("O4: a removed server's series disappear, its histogram too", async () => {
  const client = new FakeClient([serverFigures("github"), serverFigures("files")]);
  const metrics = new Metrics().watchClient(client);
  client.call("github", 1);
  client.call("files", 1);
  expect(await metrics.text()).toContain('server="github"');
  client.servers = client.servers.slice(1);
  const text = await metrics.text();
  expect(text).not.toContain('server="github"');
  expect(text).toContain('server="files",mcp_method_name');
});

test("O4: a call that ends after its server was removed does not bring it back", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  client.servers = [];
  client.call("github", 1);
  client.servers = [serverFigures("github")];
  expect(family(await metrics.text(), count)).toEqual({});
  client.call("github", 1);
  expect(Object.values(family(await metrics.text(), count))).toEqual(["1"]);
});

test("O4: servers that come and go while nobody scrapes are forgotten all the same", async () => {
  const client = new FakeClient();
  const metrics = new Metrics().watchClient(client);
  for (const name of ["a", "b", "c"]) {
    client.servers = [serverFigures(name)];
    client.call(name, 1);
  }
  client.servers = ["a", "b", "c"].map((name) => serverFigures(name));
  expect(Object.keys(family(await metrics.text(), count))).toEqual(['{server="c",mcp_method_name="tools/call"}']);
});

test("O4: a clock that runs backwards counts as no time at all", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  client.call("github", -5_000);
  const text = await metrics.text();
  expect(Object.values(family(text, count))).toEqual(["1"]);
  expect(Object.values(family(text, "mcp_client_operation_duration_seconds_sum"))).toEqual(["0"]);
});

test("O4: a server that comes back starts anew", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const metrics = new Metrics().watchClient(client);
  client.call("github", 1);
  client.call("github", 1);
  client.servers = [];
  await metrics.text();
  client.servers = [serverFigures("github")];
  client.call("github", 1);
  expect(Object.values(family(await metrics.text(), count))).toEqual(["1"]);
});

test("O4: any source can be unwatched, and an unknown one does no harm", async () => {
  const metrics = new Metrics();
  const bare = await metrics.text();
  const client = new FakeClient([serverFigures("github")]);
  const sources = [pool({ github: poolFigures() }), cache(), breaker("github"), client] as const;
  metrics.watchPool(sources[0]).watchCache(sources[1]).watchBreaker(sources[2]).watchClient(sources[3]);
  expect(seriesOf(await metrics.text()).length).toBeGreaterThan(50);
  for (const source of sources) metrics.unwatch(source).unwatch(source);
  metrics.unwatch({});
  const names = (text: string) => seriesOf(text).map((line) => line.split(" ")[0]);
  expect(names(await metrics.text())).toEqual(names(bare));
  expect(client.listeners.size).toBe(0);
});

test("O4: a source watched twice is watched once, under its last name", async () => {
  const client = new FakeClient([serverFigures("github")]);
  const watchedCache = cache({ size: 2 });
  const metrics = new Metrics()
    .watchClient(client)
    .watchClient(client)
    .watchCache(watchedCache, { name: "old" })
    .watchCache(watchedCache, { name: "new" });
  expect(client.listeners.size).toBe(1);
  client.call("github", 1);
  const text = await metrics.text();
  expect(Object.values(family(text, count))).toEqual(["1"]);
  expect(family(text, "mcp_cache_entries")).toEqual({ '{server="github"}': "0", '{cache="new"}': "2" });
});

test("O4: one object can be watched as more than one kind, and is unwatched as all", async () => {
  const source = { name: "both", ...pool({ github: poolFigures() }) };
  const metrics = new Metrics().watchPool(source, { name: "a" });
  metrics.unwatch(source);
  expect(family(await metrics.text(), "mcp_pool_acquires_total")).toEqual({});
});

test("O4: a client whose subscription fails is not watched at all", async () => {
  const metrics = new Metrics();
  const broken = {
    status: () => [serverFigures("github")],
    subscribe: () => {
      throw new Error("closed");
    },
  };
  expect(() => metrics.watchClient(broken)).toThrow("closed");
  expect(family(await metrics.text(), "mcp_client_connected")).toEqual({});
});

test("O4: totals of a client's pool never fall, though its servers and their keys come and go", async () => {
  const client = new FakeClient([serverFigures("a", { pool: poolFigures({ acquired: 100 }) })]);
  const metrics = new Metrics().watchClient(client);
  const acquired = async () => Number(family(await metrics.text(), "mcp_pool_acquires_total")[""]);
  const read = async (a: number | undefined, b: number | undefined) => {
    client.servers = [
      ...(a === undefined ? [] : [serverFigures("a", { pool: poolFigures({ acquired: a }) })]),
      ...(b === undefined ? [] : [serverFigures("b", { pool: poolFigures({ acquired: b }) })]),
    ];
    return acquired();
  };
  expect(await acquired()).toBe(100);
  expect(await read(60, 5), "a key of a was forgotten").toBe(105);
  expect(await read(70, 5)).toBe(115);
  expect(await read(undefined, 5), "a was removed").toBe(115);
  expect(await read(3, 6), "another a came").toBe(119);
});

test("O4: a source may watch, unwatch and scrape while it is read", async () => {
  const metrics = new Metrics();
  let reads = 0;
  const source = {
    stats: () => {
      reads += 1;
      metrics.unwatch(source).watchBreaker(breaker("added"));
      metrics.text().catch(() => {});
      return cacheFigures({ size: 1 });
    },
  };
  metrics.watchCache(source);
  const text = await metrics.text();
  expect(family(text, "mcp_cache_entries")).toEqual({ "": "1" });
  expect(reads).toBe(1);
  const next = await metrics.text();
  expect(family(next, "mcp_cache_entries")).toEqual({});
  expect(Object.keys(family(next, "mcp_circuit_breaker_calls_total"))).toEqual(['{server="added"}']);
});

test("O4: histograms are added up bucket by bucket, a shorter one too", () => {
  const sum = addHistograms({ bounds: [1], counts: [1, 2], sum: 3 }, { bounds: [1], counts: [4], sum: 5 });
  expect(sum).toEqual({ bounds: [1], counts: [5, 2], sum: 8 });
});

test("O4: under any sequence of readings the totals grow by what was gained and by nothing else", () => {
  const readings = fc.array(fc.dictionary(fc.constantFrom("a", "b", "c"), fc.nat(50)), { maxLength: 20 });
  fc.assert(
    fc.property(readings, (sequence) => {
      const totals = new PoolTotals();
      const seen = new Map<string, number>();
      let expected = 0;
      for (const reading of sequence) {
        const entries = Object.entries(reading);
        const figures = (value: number): PoolFigures =>
          poolFigures({
            acquired: value,
            destroyed: { idle: value },
            acquireMs: { bounds: [1], counts: [value, 0], sum: value },
          });
        const servers = entries.map(([name, value]) => ({
          ...serverFigures(name),
          tools: 0,
          cache: null,
          replicas: [],
          pool: { ...figures(value), max: null },
        }));
        for (const name of seen.keys()) if (!(name in reading)) seen.delete(name);
        for (const [name, value] of entries) {
          expected += Math.max(0, value - (seen.get(name) ?? 0));
          seen.set(name, value);
        }
        const total = totals.update(servers, new Set(entries.map(([name]) => name)));
        expect(total.acquired).toBe(expected);
        expect(total.destroyed.idle ?? 0).toBe(expected);
        expect(total.acquireMs.counts[0] ?? 0).toBe(expected);
        expect(total.acquireMs.sum).toBe(expected);
      }
    }),
  );
});
