import type { MinionClient, ServerStatus } from "@minion/client";

/** What is known of one server after it was tried. */
export interface Diagnosis {
  readonly server: string;
  readonly ok: boolean;
  readonly transport: string;
  /** The revision of MCP that was agreed upon, and its era. */
  readonly protocol: string;
  readonly tools: string;
  readonly resources: string;
  readonly prompts: string;
  readonly connectMs: string;
  /** What is worth knowing: keys without effect, errors, the end of its stderr, what to do. */
  readonly remarks: readonly string[];
}

const none = "-";

/** Connects to every server of a client, lists what it has, and says what is wrong and what to do. */
export async function diagnose(client: MinionClient): Promise<readonly Diagnosis[]> {
  const report = client.configReport ?? {};
  const tried = await Promise.all(client.status().map((status) => diagnoseServer(client, status)));
  const disabled = Object.entries(report).filter(([, entry]) => entry.disabled);
  return [
    ...tried.map((diagnosis) => {
      const { ignored = [], unresolved = [] } = report[diagnosis.server] ?? {};
      const remarks = [
        ...diagnosis.remarks,
        ...ignored.map(({ key, why }) => `"${key}" is ignored: ${why}`),
        ...unresolved.map((name) => `the variable ${name} was found nowhere and stays as it is`),
      ];
      return { ...diagnosis, remarks };
    }),
    ...disabled.map(([server]) => ({ ...unknown(server, none), ok: true, remarks: ["disabled in the configuration"] })),
  ];
}

async function diagnoseServer(client: MinionClient, { name, transport }: ServerStatus): Promise<Diagnosis> {
  const begin = performance.now();
  try {
    const { protocol } = await client.serverInfo(name);
    const connectMs = `${Math.round(performance.now() - begin)} ms`;
    const [tools, resources, prompts] = await Promise.allSettled([
      client.listTools(name),
      client.listResources(name),
      client.listPrompts(name),
    ]);
    const failed = [tools, resources, prompts].flatMap((list) => (list.status === "rejected" ? [list.reason] : []));
    const count = (list: PromiseSettledResult<readonly unknown[]>): string =>
      list.status === "fulfilled" ? String(list.value.length) : "failed";
    return {
      server: name,
      ok: failed.length === 0,
      transport,
      protocol: protocol === undefined ? "unknown" : `${protocol} (${protocol >= "2026-07-28" ? "modern" : "legacy"})`,
      tools: count(tools),
      resources: count(resources),
      prompts: count(prompts),
      connectMs,
      remarks: failed.flatMap((error) => problemOf(client, name, error)),
    };
  } catch (error) {
    return { ...unknown(name, transport), remarks: problemOf(client, name, error) };
  }
}

function unknown(server: string, transport: string): Diagnosis {
  const blank = { protocol: none, tools: none, resources: none, prompts: none, connectMs: none };
  return { server, ok: false, transport, ...blank, remarks: [] };
}

const advice: Readonly<Record<string, string>> = {
  ERR_MCP_CONFIG: "correct its entry in the configuration",
  ERR_MCP_CONNECT: "run its command by hand, or open its URL, on this machine",
  ERR_MCP_AUTHORIZATION: "check the credentials in its headers or env",
  ERR_MCP_TIMEOUT: "raise its connectTimeoutMs or callTimeoutMs if it is slow",
  ERR_MCP_UNAVAILABLE: "wait, then try again",
  ERR_MCP_HTTP: "check its URL: this is not an MCP endpoint, or it refuses this client",
};

function problemOf(client: MinionClient, server: string, error: unknown): readonly string[] {
  const message = error instanceof Error ? error.message : String(error);
  const [problem = ""] = message.split(" It last wrote to stderr:");
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  const { stderrTail = "" } = client.status().find(({ name }) => name === server) ?? {};
  const said = stderrTail.trim().split("\n").slice(-5);
  const todo = typeof code === "string" ? advice[code] : undefined;
  return [
    problem,
    ...(stderrTail.trim() === "" ? [] : ["it wrote to stderr:", ...said.map((line) => `  ${line}`)]),
    ...(todo === undefined ? [] : [`what to do: ${todo}`]),
  ];
}

const columns = ["server", "state", "transport", "protocol", "tools", "resources", "prompts", "connected in"];

/** The diagnoses as a table, with the remarks under it. */
export function formatDiagnoses(diagnoses: readonly Diagnosis[]): string {
  const rows = diagnoses.map((one) => [
    one.server,
    one.ok ? "ok" : "FAILED",
    one.transport,
    one.protocol,
    one.tools,
    one.resources,
    one.prompts,
    one.connectMs,
  ]);
  const widths = columns.map((title, index) =>
    Math.max(...[columns, ...rows].map((row) => row[index]?.length ?? 0), title.length),
  );
  const table = [columns, ...rows].map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const remarks = diagnoses.flatMap(({ server, remarks: own }) =>
    own.length === 0 ? [] : ["", `${server}:`, ...own.map((remark) => `  ${remark}`)],
  );
  return `${[...table, ...remarks].join("\n")}\n`;
}
