// The results as a table: scenarios beside revisions.
const begin = "<!-- written by `pnpm conformance --write` -->";
const end = "<!-- end -->";

function cell({ isPassed, succeeded, failed, warnings, reason }) {
  const checks = `${succeeded} of ${succeeded + failed + warnings}`;
  if (isPassed) return checks;
  return `${checks}, ${reason === undefined ? "FAILED" : "impossible"}`;
}

function table(results) {
  const revisions = [...new Set(results.map(({ revision }) => revision))].sort();
  const scenarios = [...new Set(results.map(({ scenario }) => scenario))];
  const rows = scenarios.map((scenario) => [
    scenario,
    ...revisions.map((revision) => {
      const found = results.find((one) => one.scenario === scenario && one.revision === revision);
      return found === undefined ? "" : cell(found);
    }),
  ]);
  return [["scenario", ...revisions], ...rows];
}

/** For a terminal. */
export function printed(results) {
  const rows = table(results);
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The document with the table between its marks. */
export function intoDocument(text, results) {
  const [head, rest] = text.split(begin);
  const tail = rest?.split(end)[1];
  if (tail === undefined) throw new Error(`docs/conformance.md has no ${begin} with ${end} after it.`);
  const [names, ...rows] = table(results);
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const reasons = results.flatMap(({ scenario, revision, reason }) =>
    reason === undefined ? [] : [`- ${scenario} (${revision}): ${reason}`],
  );
  const passed = results.filter(({ isPassed }) => isPassed).length;
  const parts = [
    `${passed} of ${results.length} runs passed. A cell counts the checks that succeeded, of all that were made; an empty one is a scenario that the revision does not have.`,
    [line(names), line(names.map(() => "---")), ...rows.map(line)].join("\n"),
    reasons.length === 0 ? "There is none that is impossible." : `Impossible:\n\n${reasons.join("\n")}`,
  ];
  return `${head}${begin}\n\n${parts.join("\n\n")}\n\n${end}${tail}`;
}
