import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { isOrdinary, testCells } from "./fault-cells.js";
import { expectedOf, type Row, rows } from "./fault-rows.js";
import { transports } from "./session/fault-runner.js";

testCells(isOrdinary);

/** What becomes of the call, without how often it ran: that is never more than once. */
function label(row: Row): string {
  const outcomes = [row.stdio, row.http, row.sse].filter((outcome) => outcome !== undefined);
  const words = [...new Set(outcomes.map((outcome) => outcome.split(",", 1)[0]))];
  return words.length === 1 ? `${words[0]}` : `${words[0]} (HTTP), ${words[1]} (SSE)`;
}

test("the README shows this table", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const grouped = new Map<string, string[]>();
  const legacy = rows.filter((row) =>
    transports.some((transport) => expectedOf(row, transport, "legacy") !== undefined),
  );
  for (const row of legacy) grouped.set(label(row), [...(grouped.get(label(row)) ?? []), row.when]);
  const lines = [...grouped].map(([outcome, when]) => `| ${when.join("; ")} | ${outcome} |`);
  expect(readme).toContain(`\n${lines.join("\n")}\n`);
});

test("docs/client-faults.md shows each fault over each transport in both eras", async () => {
  const document = await readFile(new URL("../../../docs/client-faults.md", import.meta.url), "utf8");
  const columns = [
    ["stdio", "legacy"],
    ["http, JSON replies", "legacy"],
    ["sse", "legacy"],
    ["stdio", "modern"],
    ["http, JSON replies", "modern"],
  ] as const;
  const lines = rows.map((row) => {
    const cells = columns.map(([transport, era]) => expectedOf(row, transport, era) ?? "-");
    return `| ${[row.when, ...cells].join(" | ")} |`;
  });
  expect(document).toContain(`\n${lines.join("\n")}\n`);
});
