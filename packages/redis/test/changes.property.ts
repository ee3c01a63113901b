import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { expect, onTestFinished } from "vitest";
import { Fleet } from "../src/index.js";
import { cacheOf, key, versionIn } from "./numbered-lists.js";
import { redisClient, startRedis, test } from "./redis-server.js";
import { linked } from "./support.js";

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("fetch" as const), who: fc.nat(2), takesMs: fc.nat(8) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("change" as const), who: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("kill" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("flush" as const) }) },
);

/** Tests so many random orders. */
export function testChanges(numRuns: number): void {
  test("R3 and R4: in any order of fetches, changes and losses no replica lists what it knows to be old, and in the end all list the newest", async () => {
    const redis = await startRedis();
    const admin = redisClient(redis.port);
    const fleets = [0, 1, 2].map(() => new Fleet({ redis: redisClient(redis.port), commandTimeoutMs: 2_000 }));
    onTestFinished(async () => void (await Promise.all(fleets.map((fleet) => fleet.close()))));
    await linked(...fleets.map((fleet) => ({ fleet })));
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
        run += 1;
        const identity = `server-${run}`;
        let version = 0;
        /** The version that each replica was told of last. */
        const known = [0, 0, 0];
        const caches = fleets.map((fleet) => cacheOf(fleet, identity));
        const read = (who: number, takesMs: number): Promise<number> =>
          versionIn(caches[who], async () => {
            const seen = version;
            await pause(takesMs);
            return seen;
          });
        const reads: Promise<void>[] = [];
        for (const one of steps) {
          if (one.do === "fetch") {
            const atLeast = known[one.who] ?? 0;
            reads.push(read(one.who, one.takesMs).then((got) => expect(got).toBeGreaterThanOrEqual(atLeast)));
          } else if (one.do === "change") {
            version += 1;
            known[one.who] = version;
            const cache = caches[one.who];
            cache?.invalidateList?.("tools");
            cache?.invalidate(key);
          } else if (one.do === "wait") await pause(one.ms);
          else if (one.do === "cut") await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
          else if (one.do === "kill") await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
          else await admin.flushall();
        }
        await Promise.all(reads);
        const told = Math.max(...known);
        await expect
          .poll(async () => Promise.all([0, 1, 2].map(async (who) => (await read(who, 0)) >= told)), {
            timeout: 30_000,
          })
          .toEqual([true, true, true]);
        for (const cache of caches) cache.close();
      }),
      { numRuns, endOnFailure: true },
    );
    const stats = fleets.map((fleet) => fleet.stats());
    expect(stats.reduce((sum, { l2Hits }) => sum + l2Hits, 0)).toBeGreaterThan(0);
  }, 90_000);
}
