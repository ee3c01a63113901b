import { parseArgs } from "node:util";

/** What can be measured on its own with `--only`. */
export const groups = ["breaker", "pool", "cache", "client", "metrics", "headlines"] as const;
export type Group = (typeof groups)[number];

export interface Options {
  /** Groups to measure, all of them by default. */
  readonly only: readonly Group[];
  /** Fewer and shorter rounds: for a look, not for a claim. */
  readonly quick: boolean;
  /** The report as JSON on stdout instead of tables. */
  readonly json: boolean;
  /** Measure a missed bound up to three times and fail where it is missed each time. */
  readonly check: boolean;
  /** Write README.md, docs/results.json and docs/*.svg. */
  readonly write: boolean;
}

export type Parsed =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "error"; readonly message: string };

export const help = `Measures the packages beside their peers and prints, for each row, ours, each peer, the ratio and the bound asked for.

  pnpm bench [--only GROUP] [--quick] [--check] [--json] [--write]

  --only GROUP   one of ${groups.join(", ")}; may be given more than once, or as a list with commas
  --quick        fewer and shorter rounds (about a minute): for a look, not for a claim
  --check        measure a missed bound again, up to three times in all; exit 1 only where it is missed each time
  --json         the report as JSON on stdout, progress on stderr
  --write        write README.md, docs/results.json and docs/*.svg of the bench; only of a whole run
  --help         this text

A run without --check exits 0 whatever it measures.
`;

/** Reads the command line; a mistake comes back as a message that names the argument. */
export function parseArguments(argv: readonly string[]): Parsed {
  // `pnpm bench -- --quick` hands the separator on.
  const args = argv[0] === "--" ? argv.slice(1) : [...argv];
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    return { kind: "error", message: error instanceof Error ? error.message : String(error) };
  }
  if (values.help) return { kind: "help" };

  const only: Group[] = [];
  for (const name of values.only.flatMap((list) => list.split(","))) {
    const group = groups.find((known) => known === name);
    if (group === undefined)
      return { kind: "error", message: `--only must be one of ${groups.join(", ")}, got "${name}"` };
    if (!only.includes(group)) only.push(group);
  }
  if (values.write && (values.quick || only.length > 0))
    return { kind: "error", message: "--write keeps whole runs only: leave --quick and --only out" };
  const { quick, json, check, write } = values;
  return { kind: "run", options: { only: only.length > 0 ? only : groups, quick, json, check, write } };
}

function parse(args: string[]) {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args,
    strict: true,
    allowPositionals: false,
    options: {
      only: { type: "string", multiple: true, default: [] },
      quick: flag,
      json: flag,
      check: flag,
      write: flag,
      help: { ...flag, short: "h" },
    },
  });
  return values;
}
