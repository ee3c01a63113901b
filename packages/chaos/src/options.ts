import { startFaults } from "./faults.js";
import { show } from "./show.js";

interface OptionRule {
  readonly rule: string;
  readonly accepts: (value: unknown) => boolean;
}

type OptionKind = "port" | "lifetime" | "file" | "variables";

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
  variables: {
    rule: "an object of texts",
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
  known: { readonly [option: string]: OptionKind | "faults" },
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner}: options must be an object, got ${show(options)}`);
  }
  for (const [name, value] of Object.entries(options)) {
    const kind = Object.hasOwn(known, name) ? known[name] : undefined;
    if (kind === undefined) {
      throw new TypeError(`${owner}: there is no option "${name}"; there are ${Object.keys(known).join(", ")}`);
    }
    if (value === undefined) continue;
    if (kind === "faults") startFaults(value, owner);
    else if (!rules[kind].accepts(value)) {
      const message = `${owner}: ${name} must be ${rules[kind].rule}, got ${show(value)}`;
      throw typeof value === "number" ? new RangeError(message) : new TypeError(message);
    }
  }
}
