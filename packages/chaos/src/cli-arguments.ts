import { flagName } from "./chaos-command.js";
import { faultRules, isFaultName, startFaults } from "./fault-rules.js";
import type { FaultSettings } from "./faults.js";
import { checkOptions } from "./options.js";

/** What the command line asks for. */
export interface CliArguments {
  readonly mode: "stdio" | "http" | "sse" | "help" | "version";
  readonly faults: FaultSettings;
  readonly port: number | undefined;
  readonly host: string | undefined;
  readonly allowHost: readonly string[];
  readonly controlPort: number | undefined;
  readonly journal: string | undefined;
  readonly maxLifeMs: number | undefined;
}

const owner = "minion-chaos";

interface Option {
  readonly kind: "port" | "lifetime" | "file" | "host" | "hosts";
  readonly value: string;
  readonly help: string;
}

const options: { readonly [name: string]: Option } = {
  port: { kind: "port", value: " N", help: "http, sse: the port; 0, the default, is any free one" },
  host: { kind: "host", value: " ADDRESS", help: "http, sse: the address to listen on; 127.0.0.1 by default" },
  allowHost: { kind: "hosts", value: " NAME,...", help: "http, sse: further host names by which it may be called" },
  journal: { kind: "file", value: " FILE", help: "appends what happens to this file, as JSON lines" },
  controlPort: { kind: "port", value: " N", help: "stdio: opens a control endpoint on 127.0.0.1, told in the journal" },
  maxLifeMs: {
    kind: "lifetime",
    value: " N",
    help: "lives on so long without the process that started it; 90000 by default",
  },
};

/**
 * Reads a command line.
 *
 * @throws TypeError | RangeError that names the flag, its rule and the value
 */
export function readArguments(argv: readonly string[]): CliArguments {
  const values: { [name: string]: unknown } = {};
  const faults: { [name: string]: unknown } = {};
  let mode: CliArguments["mode"] | undefined;
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--help" || word === "-h") mode = "help";
    else if (word === "--version") mode = "version";
    else if (!word.startsWith("--")) {
      if (mode !== undefined && mode !== "help" && mode !== "version")
        throw new TypeError(`${owner}: unexpected "${word}" after ${mode}`);
      mode ??= modeOf(word);
    } else {
      const [flag = word, inline] = splitFlag(word);
      const name = nameOf(flag);
      const isSwitch = isFaultName(name) && typeof faultRules[name].off === "boolean";
      const value = inline ?? (isSwitch ? "true" : words.shift());
      if (value === undefined) throw new TypeError(`${owner}: ${flag} needs a value`);
      if (isFaultName(name)) faults[name] = faultValue(name, value);
      else values[name] = optionValue(name, value);
    }
  }
  if (mode === undefined) throw new TypeError(`${owner}: say stdio, http or sse; --help tells the rest`);
  checkOptions(owner, values, Object.fromEntries(Object.entries(options).map(([name, { kind }]) => [name, kind])));
  return { mode, faults: startFaults(faults, owner), ...read(values) };
}

function optionValue(name: string, text: string): unknown {
  const kind = options[name]?.kind;
  if (kind === "hosts") return text.split(",");
  return kind === "file" || kind === "host" ? text : toNumber(text);
}

function read(values: { readonly [name: string]: unknown }): Omit<CliArguments, "mode" | "faults"> {
  const number = (name: string): number | undefined => (typeof values[name] === "number" ? values[name] : undefined);
  return {
    port: number("port"),
    controlPort: number("controlPort"),
    maxLifeMs: number("maxLifeMs"),
    host: typeof values.host === "string" ? values.host : undefined,
    allowHost: Array.isArray(values.allowHost) ? values.allowHost.map(String) : [],
    journal: typeof values.journal === "string" ? values.journal : undefined,
  };
}

function modeOf(word: string): CliArguments["mode"] {
  if (word === "stdio" || word === "http" || word === "sse") return word;
  throw new TypeError(`${owner}: say stdio, http or sse, got "${word}"`);
}

function splitFlag(word: string): [flag: string, inline: string | undefined] {
  const equals = word.indexOf("=");
  return equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function nameOf(flag: string): string {
  const name = [...Object.keys(options), ...Object.keys(faultRules)].find((one) => flagName(one) === flag);
  if (name === undefined) throw new TypeError(`${owner}: there is no flag ${flag}; --help lists them`);
  return name;
}

/** The value of a flag as its fault takes it: as a string where that will do, or else as what the text says. */
function faultValue(name: string, text: string): unknown {
  const list = text === "" ? [] : text.split(",");
  const word = text === "true" ? true : text === "false" ? false : undefined;
  const meanings: unknown[] = [text, word, toNumber(text), list, parsed(text)];
  const fits = meanings.find((meaning) => {
    if (meaning === undefined) return false;
    try {
      startFaults({ [name]: meaning }, owner);
      return true;
    } catch {
      return false;
    }
  });
  return fits ?? toNumber(text);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toNumber(text: string): unknown {
  const number = Number(text);
  return text.trim() === "" || Number.isNaN(number) ? text : number;
}

/** What stands behind the flag of a fault in the help text. */
function valueHint(name: keyof typeof faultRules): string {
  const { off, rule } = faultRules[name];
  if (typeof off === "boolean") return "";
  if (rule.startsWith("one of ")) return ` ${rule.slice(7).replaceAll(", ", "|")}`;
  if (rule === "a string") return " TEXT";
  if (rule.includes("list of ")) return " A,B,...";
  return rule.startsWith("an array") ? " JSON" : " N";
}

/** What `--help` prints. */
export function helpText(): string {
  const line = (name: string, help: string, value: string): string =>
    `  ${`${flagName(name)}${value}`.padEnd(34)}${help}`;
  const faultLine = (name: keyof typeof faultRules): string => {
    const { help } = faultRules[name];
    return line(name, help, valueHint(name));
  };
  return [
    "Usage: minion-chaos stdio|http|sse [flags]",
    "",
    "A real MCP server that misbehaves on command. http and sse are one server with both transports;",
    "its addresses are the first line on stdout, as JSON.",
    "",
    ...Object.entries(options).map(([name, { value, help }]) => line(name, help, value)),
    "",
    "Faults, all off unless given; at run time through the tool `chaos` and the control endpoint:",
    ...Object.keys(faultRules).filter(isFaultName).map(faultLine),
    "",
  ].join("\n");
}
