import { test } from "vitest";
import { expectAllWell, killStorm } from "./kill-storm.js";

/** Another storm is asked for by hand: MINION_KILLS=100 MINION_CALLERS=64 MINION_SEED=7. */
const { MINION_KILLS, MINION_CALLERS, MINION_SEED } = process.env;
const kills = Number(MINION_KILLS ?? 1_000);
const callers = Number(MINION_CALLERS ?? 16);

test(`M9, M4: ${kills} kills under ${callers} callers: no safe call is lost, no unsafe one runs twice, the breaker stays closed`, {
  timeout: 120_000 + kills * 2_000,
}, async () => {
  const seed = MINION_SEED === undefined ? undefined : Number(MINION_SEED);
  const report = await killStorm({ kills, callers, waitsForAnswer: true, seed });
  console.log(report);
  expectAllWell(report, kills);
});

test.each([1, 5, 16, 64])(
  "M9, M4: 12 kills under %i callers: no safe call is lost, no unsafe one runs twice, the breaker stays closed",
  { timeout: 120_000 },
  async (callers) => {
    expectAllWell(await killStorm({ kills: 12, callers, waitsForAnswer: true }), 12);
  },
);
