import { ConfigError } from "../errors.js";
import { isObject } from "../untrusted.js";
import { configEntries } from "./config-entries.js";
import { type ConfigFile, type ConfigHost, readConfigFile } from "./config-file.js";
import type { Transport } from "./policy.js";
import { readEntry } from "./read-entry.js";
import type { ServerConfig, ServerPolicy } from "./server-config.js";
import { Variables } from "./variables.js";

/** Gives the headers of a request on behalf of a principal. */
export type RequestHeaders = (context: { readonly principal: string | undefined }) => Promise<Record<string, string>>;

/** Options for reading a configuration. */
export interface ReadConfigOptions {
  /** The host application whose format the file has. Default: found from the file's name and folder. */
  readonly host?: ConfigHost | undefined;
  /** The value of `${workspaceFolder}`. Default: the folder of the file, its parent for `.vscode` and `.cursor`. */
  readonly workspaceFolder?: string | undefined;
  /** Values of variables, by the whole reference between the braces; looked up before the process's environment. */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  /** Asked for each `${input:id}` of VS Code, once. */
  readonly input?: ((id: string, description: string | undefined) => string | Promise<string>) | undefined;
  /**
   * Asked before each request to a server, by its name: what it gives is sent with the headers of the entry, and in place of
   * those of the same name. For servers that are reached over HTTP.
   */
  readonly headers?: Readonly<Record<string, RequestHeaders>> | undefined;
  /** Reject where any entry has a problem, with all of them in an `AggregateError`. Default false. */
  readonly strict?: boolean | undefined;
}

/** How the entry of one server was read. */
export interface ConfigEntryReport {
  /** Whether the server can be used. */
  readonly loaded: boolean;
  /** Whether the file switches it off; then it is not in `status()`. */
  readonly disabled: boolean;
  /** Keys without effect, and what follows from that. */
  readonly ignored: readonly { readonly key: string; readonly why: string }[];
  /** Why it cannot be used. */
  readonly problems: readonly ConfigError[];
  /** Variables that were found nowhere and stay as they are, in `args` and `env`. */
  readonly unresolved: readonly string[];
}

/** How each entry of a configuration was read, by the server's name. */
export type ConfigReport = Readonly<Record<string, ConfigEntryReport>>;

/** An entry that cannot be used: the server's name, what is wrong, and how it would have been reached. */
export interface BrokenEntry {
  readonly name: string;
  readonly error: ConfigError;
  readonly transport: Transport;
}

/** What a configuration says. */
export interface ReadConfig {
  readonly servers: Readonly<Record<string, ServerConfig>>;
  /** The servers whose entries cannot be used. */
  readonly broken: readonly BrokenEntry[];
  readonly report: ConfigReport;
}

/**
 * Reads an mcp.json as any host writes it. An entry that is wrong costs that server.
 *
 * @throws ConfigError where the file cannot be read or has no servers in a known place; with `strict`, an AggregateError of
 * every problem
 */
export async function readConfig(
  config: string | URL | object,
  options: ReadConfigOptions,
  defaults: ServerPolicy | undefined,
): Promise<ReadConfig> {
  const read = await readConfigFile(config);
  const { entries, repeated, inputs, isExcluded } = configEntries(read.content, read);
  const host = options.host ?? read.host;
  const variables = new Variables({
    workspaceFolder: options.workspaceFolder ?? read.workspaceFolder,
    variables: options.variables ?? {},
    inputs,
    input: options.input,
    hasBareNames: host === "gemini",
  });
  const servers: [name: string, config: ServerConfig][] = [];
  const broken: BrokenEntry[] = [];
  const report: [name: string, report: ConfigEntryReport][] = [];
  for (const [server, entry] of entries) {
    const ignored: { key: string; why: string }[] = [];
    if (repeated.has(server)) ignored.push({ key: server, why: "the file has this server more than once; one counts" });
    for (const [key] of read.overwritten.get(entry) ?? [])
      ignored.push({ key, why: "it is there more than once; the last one counts" });
    const unresolved = new Set<string>();
    const disabled = isExcluded(server) || isSwitchedOff(entry);
    let problem: ConfigError | undefined;
    if (!disabled) {
      try {
        const context = {
          folder: read.folder,
          host,
          variables,
          defaults,
          onUnresolved: (reference: string) => void unresolved.add(reference),
          onIgnored: (key: string, why: string) => void ignored.push({ key, why }),
        };
        servers.push([server, withHeaders(await readEntry(server, entry, context), headersFor(options, server))]);
      } catch (error) {
        problem = placed(error, server, read);
        broken.push({ name: server, error: problem, transport: likelyTransport(entry) });
      }
    }
    const problems = problem === undefined ? [] : [problem];
    report.push([
      server,
      { loaded: !disabled && problem === undefined, disabled, ignored, problems, unresolved: [...unresolved] },
    ]);
  }
  if (options.strict === true && broken.length > 0) {
    const errors = broken.map(({ error }) => error);
    throw new AggregateError(errors, `${errors.length} of ${entries.size} servers of the configuration have a problem`);
  }
  // A server may be called `__proto__`, which cannot be assigned.
  return { servers: Object.fromEntries(servers), broken, report: Object.fromEntries(report) };
}

function headersFor({ headers = {} }: ReadConfigOptions, server: string): RequestHeaders | undefined {
  return Object.hasOwn(headers, server) ? headers[server] : undefined;
}

/** @throws ConfigError where the server is not reached over HTTP */
function withHeaders(config: ServerConfig, more: RequestHeaders | undefined): ServerConfig {
  if (more === undefined) return config;
  if (!("url" in config))
    throw new ConfigError("it has no URL, and only requests over HTTP have headers", { key: "url" });
  const { headers } = config;
  const all: RequestHeaders = async (context) => {
    const own = typeof headers === "function" ? await headers(context) : headers;
    const given = await more(context);
    if (!isObject(given)) throw new TypeError("it did not give an object of headers");
    const names = new Set(Object.keys(given).map((name) => name.toLowerCase()));
    const kept = Object.entries(own ?? {}).filter(([name]) => !names.has(name.toLowerCase()));
    return { ...Object.fromEntries(kept), ...given };
  };
  return { ...config, headers: all };
}

function isSwitchedOff(entry: unknown): boolean {
  if (typeof entry !== "object" || entry === null) return false;
  return Reflect.get(entry, "disabled") === true || Reflect.get(entry, "enabled") === false;
}

/** How a server that cannot be used would have been reached, as far as its entry tells. */
function likelyTransport(entry: unknown): Transport {
  const hasUrl = isObject(entry) && ["url", "serverUrl", "httpUrl"].some((key) => entry[key] !== undefined);
  return hasUrl ? "http" : "stdio";
}

/** What is wrong with an entry is told with the file that it stands in. */
function placed(error: unknown, server: string, { file }: ConfigFile): ConfigError {
  if (!(error instanceof ConfigError)) throw error;
  return new ConfigError(error.problem, { file, server, key: error.key, cause: error.cause });
}
