import { fileURLToPath } from "node:url";
import { type FaultSettings, isFaultName } from "./faults.js";
import { checkOptions } from "./options.js";

/** How {@link chaosCommand} starts the server. */
export interface ChaosCommandOptions {
  /** What it does wrong from the start. Default: nothing. */
  readonly faults?: FaultSettings | undefined;
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
    journal: "file",
    controlPort: "port",
    maxLifeMs: "lifetime",
    env: "variables",
  });
  const { faults, journal, controlPort, maxLifeMs, env } = options;
  return {
    command: process.execPath,
    args: [cliFile, "stdio", ...flags({ journal, controlPort, maxLifeMs }), ...faultFlags(faults)],
    env: { ...env },
  };
}

/** The built command line program, seen from the built file as from its source. */
export const cliFile: string = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

/** Faults as command line flags. */
export function faultFlags(faults: FaultSettings | undefined): string[] {
  return Object.keys(faults ?? {})
    .filter(isFaultName)
    .flatMap((name) => flags({ [name]: faults?.[name] }));
}

/** Options as command line flags; what is undefined or false is left out. */
export function flags(options: { readonly [name: string]: string | number | boolean | undefined }): string[] {
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
