import { expect, test } from "vitest";
import { expectedOf, rows } from "./fault-rows.js";
import { run, transports } from "./fault-runner.js";

for (const row of rows) {
  for (const transport of transports.filter((one) => one !== "http, JSON replies")) {
    const expected = expectedOf(row, transport);
    if (expected === undefined) continue;
    test(`M4, M5, M6: when ${row.when} (${transport}): ${expected}`, { timeout: 60_000 }, async () => {
      expect(await run(row, transport)).toBe(expected);
    });
  }
}
