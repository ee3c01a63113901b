import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, vi } from "vitest";
import { Fleet } from "../src/index.js";
import { freePort, redisClient, startRedis, test } from "./redis-server.js";
import { linked, until } from "./support.js";

const script = fileURLToPath(new URL("quota-process.mjs", import.meta.url));

/** A process that takes when it is told to. */
async function taker(port: number, takes: number, limit: number): Promise<() => Promise<Record<string, number>>> {
  const child = spawn(process.execPath, [script, ...[port, takes, limit].map(String)]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe("ready");
  return async () => {
    child.stdin.write("go\n");
    return JSON.parse((await lines.next()).value);
  };
}

test("R10: four processes that take 1,000 times at once are granted the limit, exactly", async () => {
  const redis = await startRedis();
  const takers = await Promise.all([1, 2, 3, 4].map(() => taker(redis.port, 1_000, 100)));
  const results = await Promise.all(takers.map((take) => take()));
  const total = (name: string): number => results.reduce((sum, result) => sum + (result[name] ?? 0), 0);
  expect(total("quotaLocal")).toBe(0);
  expect(total("granted")).toBe(100);
  expect(total("quotaRefused")).toBe(3_900);
});

async function fleetOf(port: number, count: number): Promise<Fleet[]> {
  const fleets = Array.from({ length: count }, () => new Fleet({ redis: redisClient(port), commandTimeoutMs: 2_000 }));
  onTestFinished(async () => void (await Promise.all(fleets.map((fleet) => fleet.close()))));
  await linked(...fleets.map((fleet) => ({ fleet })));
  return fleets;
}

test("R10: a refusal tells when to come again, keys do not mix, and a cost counts", async () => {
  const redis = await startRedis();
  const [fleet] = await fleetOf(redis.port, 1);
  const quota = fleet?.quota("calls", { limit: 5, perMs: 60_000 });
  expect(await quota?.take("ann", 3)).toEqual({ ok: true, remaining: 2 });
  expect(await quota?.take("ann", 2)).toEqual({ ok: true, remaining: 0 });
  const refused = await quota?.take("ann");
  expect(refused).toEqual({ ok: false, retryAfterMs: expect.any(Number) });
  if (refused?.ok === false) {
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    expect(refused.retryAfterMs).toBeLessThanOrEqual(60_000);
  }
  expect(await quota?.take("bob")).toEqual({ ok: true, remaining: 4 });
  expect(await fleet?.quota("other", { limit: 5, perMs: 60_000 }).take("ann")).toEqual({ ok: true, remaining: 4 });
  for (const key of await redisClient(redis.port).keys("*")) expect(key).toMatch(/^minion:\{quota:\w+:[0-9a-f]{32}\}$/);
});

test("R10: without Redis each of the replicas heard of last grants its share, and at least one", async () => {
  const redis = await startRedis();
  const fleets = await fleetOf(redis.port, 4);
  await until(() => fleets.every((fleet) => fleet.stats().replicas === 4), "all have heard of all");
  await redis.kill();
  await until(() => fleets.every((fleet) => !fleet.stats().isLinked), "the loss is noticed");
  const granted = async (limit: number, localShare?: number): Promise<number[]> =>
    Promise.all(
      fleets.map(async (fleet) => {
        const quota = fleet.quota("calls", { limit, perMs: 60_000, localShare });
        const decisions = await Promise.all(Array.from({ length: 100 }, () => quota.take("ann")));
        return decisions.filter(({ ok }) => ok).length;
      }),
    );
  expect(await granted(40)).toEqual([10, 10, 10, 10]);
  expect(await granted(2)).toEqual([1, 1, 1, 1]);
  expect(await granted(40, 0.5)).toEqual([20, 20, 20, 20]);
});

test("R10: of one name, a quota of another limit or window counts by itself", async () => {
  const redis = await startRedis();
  const [fleet] = await fleetOf(redis.port, 1);
  for (const options of [
    { limit: 5, perMs: 60_000 },
    { limit: 6, perMs: 60_000 },
    { limit: 5, perMs: 1_000 },
  ])
    expect(await fleet?.quota("calls", options).take("ann")).toEqual({ ok: true, remaining: options.limit - 1 });
});

test("R10: without Redis a window that is longer than a timer can be is kept", async () => {
  const fleet = new Fleet({ redis: redisClient(await freePort()) });
  onTestFinished(() => fleet.close());
  const warned = vi.spyOn(process, "emitWarning");
  onTestFinished(() => warned.mockRestore());
  const quota = fleet.quota("calls", { limit: 1, perMs: 30 * 86_400_000 });
  expect((await quota.take("ann")).ok).toBe(true);
  expect(warned).not.toHaveBeenCalled();
  expect((await quota.take("ann")).ok).toBe(false);
});

test("R10: a wrong name, option, key or cost is told before anything is taken", async () => {
  const redis = await startRedis();
  const [fleet] = await fleetOf(redis.port, 1);
  const make = (name: unknown, options: unknown) => () => Reflect.apply(Fleet.prototype.quota, fleet, [name, options]);
  expect(make("a", { limit: 0, perMs: 1_000 })).toThrow('limit of quota "a" must be a positive integer, got 0');
  expect(make("a", { limit: 1, perMs: 1_500 })).toThrow("perMs");
  expect(make("a", { limit: 1, perMs: 1_000, localShare: 2 })).toThrow("localShare");
  expect(make("a", { limit: 1, perMs: 1_000, per: 1 })).toThrow('unknown option "per"');
  expect(make("{a}", { limit: 1, perMs: 1_000 })).toThrow("name of a quota");
  const quota = fleet?.quota("a", { limit: 3, perMs: 1_000 });
  await expect(quota?.take("k", 4)).rejects.toThrow("must cost 1 to 3, got 4");
  await expect(quota?.take("k", 0.5)).rejects.toThrow(RangeError);
  await expect(Reflect.apply(quota?.take ?? (() => {}), quota, [5])).rejects.toThrow(TypeError);
});
