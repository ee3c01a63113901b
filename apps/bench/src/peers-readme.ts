/** What `bench:peers` found, as it stands in docs/peers.json. */
export interface PeersReport {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly tables: readonly PeersTable[];
}

export interface PeersTable {
  readonly title: string;
  /** When it was measured: each may be measured alone. */
  readonly date: string;
  readonly note: string;
  /** Column titles, ours last. */
  readonly clients: readonly string[];
  readonly rows: readonly { readonly name: string; readonly cells: readonly string[] }[];
}

/** The sections on other MCP clients; none where they were never run. */
export function renderPeers(report: PeersReport | undefined): readonly string[] {
  if (report === undefined) return [];
  const { node, cpu, cores, tables } = report;
  return [
    `## Other MCP clients\n\nMeasured by \`pnpm bench:peers\`: ${cpu}, ${cores} cores, Node ${node}. Every probe of a table for every client of it, against the same servers.`,
    ...tables.map(({ title, date, note, clients, rows }) =>
      [
        `### ${title}`,
        "",
        `${note} Measured on ${date}.`,
        "",
        `| | ${clients.join(" | ")} |`,
        `| --- | ${clients.map(() => "---").join(" | ")} |`,
        ...rows.map(({ name, cells }) => `| ${name} | ${cells.join(" | ")} |`),
      ].join("\n"),
    ),
  ];
}
