import { expect, test } from "vitest";
import { killStorm } from "./kill-storm.js";

const timeout = 120_000;
/** A long storm is asked for by hand: MINION_KILLS=1000 MINION_CALLERS=16. */
const kills = Number(process.env.MINION_KILLS ?? 12);
const given = process.env.MINION_CALLERS;

test.each(given === undefined ? [1, 5, 16, 64] : [Number(given)])(
  "M9, M4: killed at random moments under %i callers, each time after it has answered: no safe call is lost, no unsafe one runs twice, the breaker stays closed",
  { timeout: timeout + kills * 2_000 },
  async (callers) => {
    const report = await killStorm({ kills, callers, waitsForAnswer: true });
    if (process.env.MINION_KILLS !== undefined) console.log(report);
    expect(report).toMatchObject({ kills, twice: [], neverRun: [], breaker: [] });
    expect(report.safe.failed).toEqual([]);
    expect(report.unsafe.failed).toEqual([]);
    expect(report.safe.succeeded).toBeGreaterThan(0);
  },
);

test("M4: killed as fast as it starts: no unsafe call runs twice, and none hangs", { timeout }, async () => {
  const report = await killStorm({ kills: 12, callers: 8, waitsForAnswer: false });
  expect(report).toMatchObject({ twice: [], neverRun: [] });
});
