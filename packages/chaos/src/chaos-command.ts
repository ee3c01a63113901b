import { fileURLToPath } from "node:url";
import { isFaultName } from "./fault-rules.js";
import type { FaultSettings } from "./faults.js";
import { checkOptions, type ProtocolOptions, settingsOf } from "./options.js";

/** How {@link chaosCommand} starts the server. */
export interface ChaosCommandOptions extends ProtocolOptions {
  /** A file to which the journal is appended. Default: none. */
  readonly journal?: string | undefined;
  /** The port of a control endpoint on 127.0.0.1; 0 is any free one, told in the journal. Default: none. */
  readonly controlPort?: number | undefined;
  /** Milliseconds that its processes live on without the process that started them. Default 90 000. */
  readonly maxLifeMs?: number | undefined;
  /** Variables of its environment. Default: none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** What starts a process: fits a stdio entry of `mcp.json`. */
export interface ChaosCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The command that starts a chaos server over stdio. Starts nothing itself.
 *
 * @throws TypeError | RangeError that names the option or fault, its rule and the value
 */
export function chaosCommand(options: ChaosCommandOptions = {}): ChaosCommand {
  checkOptions("chaosCommand", options, {
    faults: "faults",
    protocol: "fault",
    versions: "fault",
    journal: "file",
    controlPort: "port",
    maxLifeMs: "lifetime",
    env: "variables",
  });
  const { journal, controlPort, maxLifeMs, env } = options;
  return {
    command: process.execPath,
    args: [cliFile, "stdio", ...flags({ journal, controlPort, maxLifeMs }), ...faultFlags(settingsOf(options))],
    env: { ...env },
  };
}

/** The built command line program, seen from the built file as from its source. */
export const cliFile: string = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/** Faults as command line flags. */
export function faultFlags(faults: FaultSettings): string[] {
  return Object.entries(faults)
    .filter(([name]) => isFaultName(name))
    .flatMap(([name, value]) => flags({ [name]: Array.isArray(value) ? listFlag(value) : value }));
}

function listFlag(values: readonly unknown[]): string {
  return values.every((value) => typeof value === "string") ? values.join(",") : JSON.stringify(values);
}

/** Options as command line flags; what is undefined or false is left out. */
export function flags(options: { readonly [name: string]: unknown }): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    const flag = flagName(name);
    return value === true ? [flag] : [`${flag}=${value}`];
  });
}

/** `chunkBytes` as `--chunk-bytes`. */
export function flagName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
