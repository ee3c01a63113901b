import { formatBound, formatCheck, formatFigure } from "./format.js";
import type { Machine } from "./machine.js";
import { type PeersReport, renderPeers } from "./peers-readme.js";
import type { CaseReport, JudgedRow, Report } from "./report.js";
import { saying } from "./terminal.js";

const titles: Readonly<Record<CaseReport["group"], string>> = {
  headlines: "The three claims",
  breaker: "@minion/breaker",
  pool: "@minion/pool",
  cache: "@minion/cache",
  client: "@minion/client",
  metrics: "@minion/metrics",
};

/** The whole README, out of the last whole run and, where there is one, the last run of the peers. */
export function renderReadme(report: Report, peers: PeersReport | undefined): string {
  const sections = Object.entries(titles).flatMap(([group, title]) => {
    const cases = report.cases.filter((candidate) => candidate.group === group);
    return cases.length === 0 ? [] : [renderGroup(title, cases)];
  });
  return `${[
    "# Bench",
    "Everything the packages claim about cost, measured beside their peers by one command. This file is written by it.",
    commands,
    renderMachine(report.machine, report.seconds),
    method,
    ...sections,
    renderHonesty(report),
    ...renderPeers(peers),
    "## Licence\n\nMIT",
  ].join("\n\n")}\n`;
}

const commands = `\`\`\`sh
npx --yes pnpm bench                   # tables and plots in the terminal, under ten minutes on two cores
npx --yes pnpm bench --quick           # a look, in about two minutes
npx --yes pnpm bench --only pool       # one part: headlines, breaker, pool, cache, client, metrics
npx --yes pnpm --silent bench --json   # the report as JSON
npx --yes pnpm bench --check           # exit 1 where a bound is missed in three runs of three
npx --yes pnpm bench --check --write   # the same, and this file
npx --yes pnpm bench:peers             # other MCP clients, installed for it in a folder of their own
\`\`\``;

const method = `## Method

- Every table row is measured in a process of its own, all contenders of a row in the same one.
- Contenders take turns, in an order that moves on from round to round; the first round warms up and is not counted. A figure is the
  median of its rounds, a ratio the median of the ratios round by round, so that a machine that is slow for a while slows both.
- A ratio is ours divided by theirs: of a time, below 1 is faster; of a throughput, above 1 is.
- A bound is believed missed only where it is missed in three runs of three; \`3 runs\` in a verdict says that it took them.
- Memory is what is alive after garbage collection.`;

function renderMachine(machine: Machine, seconds: number): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    "## Machine",
    "",
    `Measured on ${machine.date} in ${seconds} s: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}.`,
    `Compared: ${versions.join(", ")}.`,
  ].join("\n");
}

function renderGroup(title: string, cases: readonly CaseReport[]): string {
  const failures = cases.filter(({ failure }) => failure !== undefined).map(({ id }) => `\`${id}\` did not run.`);
  const rows = cases.flatMap((report) => report.rows);
  const notes = rows.filter(({ note }) => note !== undefined).map(({ name, note }) => `- ${name}: ${note}`);
  const pictures = cases.flatMap(({ growth }) => growth.map(({ id, title }) => `![${title}](docs/${id}.svg)`));
  return [
    `## ${title}`,
    "",
    "| row | ours | peers | ratio or figure | asked for | verdict |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows.map(renderRow),
    ...separated(notes),
    ...separated(pictures, "\n\n"),
    ...separated(failures),
  ].join("\n");
}

function separated(lines: readonly string[], by = "\n"): readonly string[] {
  return lines.length === 0 ? [] : ["", lines.join(by)];
}

function renderRow(row: JudgedRow): string {
  const peers = row.peers.map(({ name, value }) => `${name} ${formatFigure(value, row.unit)}`);
  const cells = [
    row.name,
    `**${formatFigure(row.ours, row.unit)}**`,
    peers.join("<br>"),
    row.checks.map(formatCheck).join("<br>"),
    row.checks.map(({ bound, unit }) => (bound === undefined ? "" : formatBound(bound, unit))).join("<br>"),
    row.checks.map(saying).join("<br>"),
  ];
  return `| ${cells.map((cell) => cell.replace(/\|/g, "\\|")).join(" | ")} |`;
}

/** Where a peer is better: any ratio on the wrong side of 1, however the bound was set. */
function renderHonesty(report: Report): string {
  const rows = report.cases.flatMap((found) => found.rows);
  const behind = rows.flatMap((row) =>
    row.checks
      .filter(({ unit, of }) => unit === "x" && row.peers.some(({ name }) => name === of && !references.has(name)))
      .filter(({ value }) => (row.unit === "per s" ? value < 0.97 : value > 1.03))
      .map((check) => `${row.name} (${formatCheck(check)})`),
  );
  const missed = rows.filter(({ verdict }) => verdict === "missed").map(({ name }) => name);
  return [
    "## Where a peer is better",
    "",
    behind.length === 0
      ? "In no row of this run."
      : `By more than 3 %, in this run: ${behind.join("; ")}. Where it is so, the peer does less: the notes above say what ours does besides.`,
    ...(missed.length === 0 ? [] : ["", `Bounds not held: ${missed.join("; ")}.`]),
  ].join("\n");
}

/** What ours is measured against to show the least that is possible: no peer that could be used instead. */
const references: ReadonlySet<string> = new Set(["no breaker", "Promise.reject", "bare awaits"]);
