import { expect, test } from "vitest";
import { expectAllWell, killStorm } from "./kill-storm.js";

const timeout = 120_000;

test.each([64])(
  "M9, M4: killed at random moments under %i callers, each time after it has answered: no safe call is lost, no unsafe one runs twice, the breaker stays closed",
  { timeout },
  async (callers) => {
    expectAllWell(await killStorm({ kills: 8, callers, waitsForAnswer: true }), 8);
  },
);

test("M4: killed as fast as it starts: no unsafe call runs twice, and none hangs", { timeout }, async () => {
  const report = await killStorm({ kills: 8, callers: 8, waitsForAnswer: false });
  expect(report, `seed ${report.seed}`).toMatchObject({ twice: [], neverRun: [] });
});
