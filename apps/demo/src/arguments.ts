/** What the command line of the demo can say. */
export interface Arguments {
  readonly once: boolean;
  readonly json: boolean;
  readonly help: boolean;
  readonly config: string | undefined;
  readonly port: number;
  /** The address to listen on. */
  readonly host: string;
  /** Host names that requests may name beside those of loopback. */
  readonly allowedHosts: readonly string[];
}

export const usage = `Usage: npx --yes pnpm demo [options]

Without options: starts real MCP servers and shows them on a local page until Ctrl+C.

  --once           run the tour in the terminal and exit; 0 only if every step did what it says
  --json           print the results of the tour as JSON on standard output (with --once)
  --config FILE    show the servers of this mcp.json instead of the demo's own; nothing is broken, nothing called by itself
  --port N         first port to try for the page and /metrics (default 9464)
  --host ADDRESS   address to listen on (default 127.0.0.1): whoever reaches another one can break these servers and call their tools
  --allow-host N   answer requests for this host name, too; may be given more than once
  --help           this text
`;

/** Reads the command line. Throws `TypeError` with a message for the user where it makes no sense. */
export function parseArguments(words: readonly string[]): Arguments {
  let once = false;
  let json = false;
  let help = false;
  let config: string | undefined;
  let port = 9464;
  let host = "127.0.0.1";
  const allowedHosts: string[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const [name, inline] = splitAtEquals(words[index] ?? "");
    const value = (): string => {
      const next = inline ?? words[++index];
      if (next === undefined || next === "") throw new TypeError(`${name} needs a value; see --help`);
      return next;
    };
    const isAlone = (): true => {
      if (inline !== undefined) throw new TypeError(`${name} takes no value; see --help`);
      return true;
    };
    if (name === "--once") once = isAlone();
    else if (name === "--json") json = isAlone();
    else if (name === "--help" || name === "-h") help = isAlone();
    else if (name === "--config") config = value();
    else if (name === "--port") port = toPort(value());
    else if (name === "--host") host = value();
    else if (name === "--allow-host") allowedHosts.push(value());
    else if (name !== "--") throw new TypeError(`Unknown option "${words[index]}"; see --help`);
  }
  if (json && !once && !help) throw new TypeError("--json prints the results of the tour: use it with --once");
  if (once && config !== undefined) throw new TypeError("--once tours the demo's own servers: leave --config out");
  return { once, json, help, config, port, host, allowedHosts };
}

function splitAtEquals(word: string): [name: string, value: string | undefined] {
  const at = word.indexOf("=");
  return word.startsWith("--") && at > 0 ? [word.slice(0, at), word.slice(at + 1)] : [word, undefined];
}

function toPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new TypeError(`--port must be 0..65535, got "${text}"`);
  return port;
}
