import { startFaults } from "./fault-rules.js";
import type { FaultSettings, Faults, LegacyVersion } from "./faults.js";
import { isOptions } from "./is-options.js";
import { show } from "./show.js";

interface OptionRule {
  readonly rule: string;
  readonly accepts: (value: unknown) => boolean;
}

type OptionKind = "port" | "lifetime" | "file" | "variables" | "host" | "hosts";

/** The options of every function that starts a server, beside its own. */
export interface ProtocolOptions {
  /** The protocol eras that are spoken: the revisions with `initialize`, revision 2026-07-28, or both. Default "dual". */
  readonly protocol?: Faults["protocol"] | undefined;
  /** The legacy revisions that are offered. Default: all from 2024-11-05 to 2025-11-25. */
  readonly versions?: readonly LegacyVersion[] | undefined;
  /** What it does wrong from the start. Default: nothing. */
  readonly faults?: FaultSettings | undefined;
}

/** The faults that the options come to: `protocol` and `versions` may be changed at run time as the faults may. */
export function settingsOf({ faults, protocol, versions }: ProtocolOptions): FaultSettings {
  return { ...faults, ...(protocol !== undefined && { protocol }), ...(versions !== undefined && { versions }) };
}

const rules: { readonly [K in OptionKind]: OptionRule } = {
  port: {
    rule: "an integer from 0 to 65535",
    accepts: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 65_535,
  },
  lifetime: {
    rule: "a positive number of milliseconds or Infinity",
    accepts: (value) => typeof value === "number" && value > 0,
  },
  file: { rule: "a file name", accepts: (value) => typeof value === "string" && value !== "" },
  host: { rule: "an address", accepts: (value) => typeof value === "string" && value !== "" },
  hosts: {
    rule: "a list of host names",
    accepts: (value) => Array.isArray(value) && value.every((one) => typeof one === "string" && one !== ""),
  },
  variables: {
    rule: "an object of strings",
    accepts: (value) =>
      typeof value === "object" && value !== null && Object.values(value).every((one) => typeof one === "string"),
  },
};

/**
 * Checks the options of one function of the package before it does anything.
 *
 * @throws TypeError | RangeError that names the function, the option, its rule and the value
 */
export function checkOptions(
  owner: string,
  options: object,
  known: { readonly [option: string]: OptionKind | "faults" | "fault" },
): void {
  if (!isOptions(options)) {
    throw new TypeError(`${owner}: options must be an object, got ${show(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      throw new TypeError(`${owner}: there is no option ${show(name)}; there are ${Object.keys(known).join(", ")}`);
    }
    if (value === undefined) continue;
    if (kind === "faults") startFaults(value, owner);
    else if (kind === "fault") startFaults({ [name]: value }, owner);
    else if (!rules[kind].accepts(value)) {
      const message = `${owner}: ${name} must be ${rules[kind].rule}, got ${show(value)}`;
      const isNumeric = kind === "port" || kind === "lifetime";
      throw isNumeric && typeof value === "number" ? new RangeError(message) : new TypeError(message);
    }
  }
}
