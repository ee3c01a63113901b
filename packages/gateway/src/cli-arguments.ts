import { parseArgs } from "node:util";

/** What the command line asks for. */
export interface CliArguments {
  readonly mode: "stdio" | "http" | "check" | "help" | "version";
  readonly config: string;
  readonly port: number;
  readonly host: string;
  readonly path: string;
  readonly metricsPort: number | undefined;
  /** The URL of a Redis over which replicas share; undefined without the flag. */
  readonly redis: string | undefined;
  readonly allowHosts: readonly string[];
  readonly isSingle: boolean;
  readonly isInsecure: boolean;
}

export const usage = `One MCP endpoint over all servers of an mcp.json.

  minion-gateway --config mcp.json                 serves one client on stdin and stdout
  minion-gateway --config mcp.json --port 3000     serves HTTP on 127.0.0.1, at /mcp
  minion-gateway --config mcp.json --check         connects to every server, prints a table, exits 0 or 1

  --config FILE        the mcp.json of any host; its "gateway" block configures the gateway
  --stdio              the default without --port
  --port N             0 is any free port
  --host ADDRESS       127.0.0.1 by default; any other needs "auth" in the file, or --insecure
  --path PATH          /mcp by default
  --metrics-port N     /metrics, /livez, /readyz and /status, on the address of --host
  --redis URL          shares lists, verdicts and quotas with other replicas; MINION_REDIS_URL does too, out of sight
  --allow-host NAME    a further name by which it may be called; may be given several times
  --single             this is the only replica: servers with "stateful": true may be served over HTTP
  --insecure           serves an address that others can reach without asking who they are
  --help, --version
`;

/**
 * Reads a command line.
 *
 * @throws TypeError that names the flag and its rule
 */
export function readArguments(args: readonly string[]): CliArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      config: { type: "string" },
      stdio: { type: "boolean" },
      port: { type: "string" },
      host: { type: "string" },
      path: { type: "string" },
      "metrics-port": { type: "string" },
      redis: { type: "string" },
      "allow-host": { type: "string", multiple: true },
      single: { type: "boolean" },
      insecure: { type: "boolean" },
      check: { type: "boolean" },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
    },
  });
  const isInfo = values.help === true || values.version === true;
  if (values.config === undefined && !isInfo) throw new TypeError("--config FILE is needed");
  if (values.stdio === true && values.port !== undefined) throw new TypeError("--stdio and --port exclude each other");
  const metricsPort = values["metrics-port"];
  const mode = modeOf(values);
  // Without a port they would do nothing, and whoever gave one of them waits for a server that is not there.
  for (const flag of ["host", "path", "metrics-port", "allow-host", "insecure"] as const)
    if (mode === "stdio" && values[flag] !== undefined) throw new TypeError(`--${flag} needs --port`);
  return {
    mode,
    config: values.config ?? "",
    port: values.port === undefined ? 0 : portOf("--port", values.port),
    host: values.host ?? "127.0.0.1",
    path: values.path ?? "/mcp",
    metricsPort: metricsPort === undefined ? undefined : portOf("--metrics-port", metricsPort),
    redis: values.redis,
    allowHosts: values["allow-host"] ?? [],
    isSingle: values.single === true,
    isInsecure: values.insecure === true,
  };
}

function modeOf(values: {
  readonly help?: boolean;
  readonly version?: boolean;
  readonly check?: boolean;
  readonly port?: string;
}): CliArguments["mode"] {
  if (values.help === true) return "help";
  if (values.version === true) return "version";
  if (values.check === true) return "check";
  return values.port === undefined ? "stdio" : "http";
}

function portOf(flag: string, text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TypeError(`${flag} must be a port from 0 to 65535, got ${text}`);
  return port;
}
