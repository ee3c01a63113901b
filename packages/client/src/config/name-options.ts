/** How qualified names are made. */
export interface NameOptions {
  /** What every name begins with: letters, digits, `_` and `-`. Default `mcp_`. */
  readonly prefix?: string | undefined;
  /** Characters of the longest name; at least 10 more than the prefix has. Default 64. */
  readonly maxLength?: number | undefined;
}

/** Characters of the hash at the end of a name, `_` and at least one more of the name. */
const leastRoom = 10;

/** Throws `TypeError` or `RangeError` where names cannot be made so. */
export function checkNameOptions(options: object): asserts options is NameOptions {
  const { prefix = "mcp_", maxLength = 64, ...others }: { prefix?: unknown; maxLength?: unknown } = { ...options };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`Names have no option "${unknown}"; there are prefix and maxLength`);
  if (typeof prefix !== "string" || !/^[A-Za-z0-9_-]*$/.test(prefix))
    throw new TypeError(`The prefix of names must consist of letters, digits, _ and -, got ${String(prefix)}`);
  const least = prefix.length + leastRoom;
  if (maxLength !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(maxLength) && Number(maxLength) >= least))
    throw new RangeError(
      `The maxLength of names must be an integer of at least ${least} with this prefix, or Infinity, got ${String(maxLength)}`,
    );
}
