import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { spawnChaosServer } from "@minion/chaos";
import { expect } from "vitest";
import { startHaproxy, test } from "./haproxy.js";
import { effects, load, type Replica, saysUnknown, startReplica } from "./replicas.js";

const delayMs = 2_000;
const kills = 5;
const everyMs = 10_000;
/** What the client gives a call by default. */
const deadlineMs = 60_000;

test("G1, G2, G13: a minute of 64 callers with a kill of a replica every 10 s and one that stands still loses no safe call", async () => {
  await using chaos = await spawnChaosServer({ maxLifeMs: 600_000 });
  const replicas: Replica[] = await Promise.all([1, 2, 3].map(() => startReplica({ url: chaos.url, delayMs })));
  const url = await startHaproxy(replicas);
  let isOver = false;
  const loaded = load(url, () => !isOver);
  for (let kill = 0; kill < kills; kill += 1) {
    const standing = kill === kills - 1 ? replicas[(kill + 1) % replicas.length] : undefined;
    await pause(everyMs / 2);
    standing?.process.kill("SIGSTOP");
    await pause(everyMs / 2);
    standing?.process.kill("SIGCONT");
    const index = kill % replicas.length;
    const killed = replicas[index];
    if (killed === undefined) throw new Error("bug: there are three");
    killed.process.kill("SIGKILL");
    await once(killed.process, "exit");
    replicas[index] = await startReplica({ url: chaos.url, delayMs, port: killed.port, opsPort: killed.opsPort });
  }
  isOver = true;
  const outcomes = await loaded;
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const ran = effects(chaos);
  const unsafe = outcomes.filter(({ isSafe }) => !isSafe);
  expect(failed.filter(({ isSafe }) => isSafe)).toEqual([]);
  expect(failed.filter(({ error }) => !saysUnknown(error))).toEqual([]);
  expect(unsafe.filter(({ key }) => (ran.get(key) ?? 0) > 1)).toEqual([]);
  expect(unsafe.filter(({ key, error }) => error === undefined && ran.get(key) !== 1)).toEqual([]);
  const longestMs = Math.max(...outcomes.map(({ tookMs }) => tookMs));
  expect(longestMs).toBeLessThan(deadlineMs + 5_000);
  const [safeCalls, slowest] = [outcomes.length - unsafe.length, (longestMs / 1_000).toFixed(1)];
  console.log(
    `${kills} kills, ${safeCalls} safe calls, 0 lost; ${unsafe.length} unsafe ones, 0 run twice, ${failed.length} of unknown outcome; the longest took ${slowest} s`,
  );
}, 240_000);
