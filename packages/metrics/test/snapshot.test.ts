import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Metrics, MetricsCollector } from "../src/index.js";
import { breaker, cache, FakeClient, pool, poolFigures, serverFigures } from "./support.js";

function everything(): Metrics {
  return new Metrics()
    .watchPool(pool({ github: poolFigures({ idle: 2, max: Infinity }) }, poolFigures({ max: Infinity })), { name: "p" })
    .watchCache(cache({ size: 4, maxEntries: Infinity }))
    .watchBreaker(breaker("github", { state: "open" }))
    .watchClient(
      new FakeClient([
        serverFigures("github", { tools: undefined, cache: undefined, replicas: [{ index: 0, breaker: undefined }] }),
      ]),
    );
}

describe("snapshot", () => {
  test("O1: it holds every source and survives JSON unchanged", () => {
    const snapshot = everything().snapshot();
    expect(JSON.parse(JSON.stringify(snapshot))).toStrictEqual(snapshot);
    expect(snapshot.pools).toMatchObject([{ name: "p", max: null, keys: [{ key: "github", idle: 2, max: null }] }]);
    expect(snapshot.caches).toMatchObject([{ name: null, size: 4, maxEntries: null }]);
    expect(snapshot.breakers).toMatchObject([{ name: "github", state: "open" }]);
    expect(snapshot.clients).toMatchObject([
      { servers: [{ name: "github", tools: null, cache: null, replicas: [{ index: 0, breaker: null }] }] },
    ]);
    expect(Math.abs(snapshot.at - Date.now())).toBeLessThan(60_000);
  });

  test("O1: it shares nothing with the sources and holds only what is known", () => {
    const figures = poolFigures({ destroyed: { idle: 1 } });
    const status = { ...serverFigures("github", { pool: figures }), stderrTail: "TOKEN=1", lastError: new Error("x") };
    const snapshot = new Metrics().watchClient(new FakeClient([status])).snapshot();
    Reflect.set(figures.destroyed, "idle", 9);
    expect(snapshot.clients[0]?.servers[0]?.pool.destroyed).toEqual({ idle: 1 });
    expect(JSON.stringify(snapshot)).not.toContain("TOKEN");
  });

  test("O1: a source that throws is left out", () => {
    const broken = {
      stats: () => {
        throw new Error("boom");
      },
    };
    expect(everything().watchCache(broken).snapshot().caches).toHaveLength(1);
  });
});

describe("MetricsCollector", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("O1: it takes one snapshot at the start and one per interval", () => {
    const collector = new MetricsCollector(everything(), { intervalMs: 100 });
    expect(collector.latest()).toBeUndefined();
    expect(collector.start()).toBe(collector);
    collector.start();
    vi.advanceTimersByTime(250);
    expect(collector.history().map(({ at }) => at)).toEqual([1_000, 1_100, 1_200]);
    expect(collector.latest()?.at).toBe(1_200);
    expect(vi.getTimerCount()).toBe(1);
  });

  test("O1: its history is bounded, the oldest goes first", () => {
    const collector = new MetricsCollector(new Metrics(), { intervalMs: 10, maxSnapshots: 3 }).start();
    vi.advanceTimersByTime(1_000);
    expect(collector.history().map(({ at }) => at)).toEqual([1_980, 1_990, 2_000]);
  });

  test("O1: since() takes an instant or a Date and refuses what is neither", () => {
    const collector = new MetricsCollector(new Metrics(), { intervalMs: 100 }).start();
    vi.advanceTimersByTime(300);
    expect(collector.since(1_200).map(({ at }) => at)).toEqual([1_200, 1_300]);
    expect(collector.since(new Date(1_201)).map(({ at }) => at)).toEqual([1_300]);
    expect(collector.since(-Infinity)).toHaveLength(4);
    expect(() => collector.since(new Date("soon"))).toThrow(TypeError);
  });

  test("O1: stop ends it and keeps the history, and it can be started again", () => {
    const collector = new MetricsCollector(new Metrics(), { intervalMs: 100 }).start();
    collector.stop();
    collector.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(collector.history()).toHaveLength(1);
    collector.start();
    collector[Symbol.dispose]();
    expect(collector.history()).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("O1: what it hands out is the caller's to change", () => {
    const collector = new MetricsCollector(new Metrics()).start();
    Reflect.set(collector.history(), "length", 0);
    expect(collector.history()).toHaveLength(1);
    collector.stop();
  });

  test("O1: a day at the default interval fits into the default bound", () => {
    const collector = new MetricsCollector(new Metrics()).start();
    vi.advanceTimersByTime(25 * 3_600_000);
    expect(collector.history()).toHaveLength(2_880);
    collector.stop();
  });
});

test("O1: the collector's timer does not keep the process alive", () => {
  const timer = vi.spyOn(globalThis, "setInterval");
  const collector = new MetricsCollector(new Metrics()).start();
  expect(timer.mock.results[0]?.value.hasRef()).toBe(false);
  collector.stop();
  timer.mockRestore();
});
