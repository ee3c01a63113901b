/** What `bench:peers` found, as it stands in docs/peers.json. */
export interface PeersReport {
  readonly date: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  /** Column titles, ours last. */
  readonly clients: readonly string[];
  readonly tables: readonly PeersTable[];
}

export interface PeersTable {
  readonly title: string;
  readonly note: string;
  readonly rows: readonly { readonly name: string; readonly cells: readonly string[] }[];
}

/** The sections on other MCP clients; none where they were never run. */
export function renderPeers(report: PeersReport | undefined): readonly string[] {
  if (report === undefined) return [];
  const { date, node, cpu, cores, clients, tables } = report;
  return [
    `## Other MCP clients\n\nMeasured on ${date} by \`pnpm bench:peers\`: ${cpu}, ${cores} cores, Node ${node}. Every probe for every client, against the same servers.`,
    ...tables.map((table) =>
      [
        `### ${table.title}`,
        "",
        table.note,
        "",
        `| | ${clients.join(" | ")} |`,
        `| --- | ${clients.map(() => "---").join(" | ")} |`,
        ...table.rows.map(({ name, cells }) => `| ${name} | ${cells.join(" | ")} |`),
      ].join("\n"),
    ),
  ];
}
