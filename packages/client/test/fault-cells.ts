import { expect, test } from "vitest";
import { expectedOf, rows, run } from "./fault-rows.js";
import { type Era, eras, type TransportName, transports } from "./session/fault-runner.js";

/** Of each wire one form in one era: every fault that can be had is among them, and the long tests have the rest. */
export function isOrdinary(transport: TransportName, era: Era): boolean {
  if (transport === "stdio" || transport === "http, SSE replies") return era === "legacy";
  return transport === "http, JSON replies" && era === "modern";
}

/** Tests what a call comes to under each fault, over the transports and in the eras that are chosen. */
export function testCells(isChosen: (transport: TransportName, era: Era) => boolean): void {
  for (const era of eras)
    for (const row of rows)
      for (const transport of transports) {
        const expected = expectedOf(row, transport, era);
        if (expected === undefined || !isChosen(transport, era)) continue;
        const where = era === "legacy" ? transport : `${transport}, 2026-07-28`;
        test(`M4, M5, M6: when ${row.when} (${where}), a call is: ${expected}`, { timeout: 60_000 }, async () => {
          expect(await run(row, transport, era)).toBe(expected);
        });
      }
}
