import { show } from "./show.js";

/** Every way in which the server can misbehave. What each does stands in the README; here are type, unit and default. */
export interface Faults {
  /** Milliseconds by which the answer to `initialize` is late; over stdio nothing is read before. Default 0. */
  readonly startDelayMs: number;
  /** Process: goes to stderr, then exit 1. Default "": the start succeeds. */
  readonly failStart: string;
  /** `initialize` is never answered. Default false. */
  readonly hangInitialize: boolean;
  /** Process with a journal file: every nth spawn exits 1 at once. Default Infinity. */
  readonly flapSpawns: number;
  /** Every nth `tools/call` crashes the server before it runs. Default Infinity. */
  readonly flapCalls: number;
  /** Process: milliseconds without a request after which it exits 0. Default Infinity. */
  readonly exitWhileIdleMs: number;
  /** Process: lives on when stdin ends. Default false. */
  readonly ignoreEof: boolean;
  /** Process: lives on after SIGTERM, SIGINT and SIGHUP, and so do grandchildren. Default false. */
  readonly ignoreTerm: boolean;
  /** Process: computes for ever after `notifications/initialized`. Default false. */
  readonly busy: boolean;
  /** Process, at start only: runs as the child of another process, or of a shell of another. Default "none". */
  readonly wrapper: "none" | "node" | "sh";
  /** Process, at start only: has a child with a stdio of its own. Default false. */
  readonly grandchild: boolean;
  /** Process, at start only: has a child that holds the server's stdio open. Default false. */
  readonly grandchildInherit: boolean;
  /** Process, at start only: has a child in a session, and process group, of its own. Default false. */
  readonly grandchildSession: boolean;
  /** Milliseconds by which every `tools/call` runs later. Default 0. */
  readonly callDelayMs: number;
  /** No `tools/call` is run or answered; everything else is. Default false. */
  readonly hangCalls: boolean;
  /** Everything is read and nothing answered, pings included. Default false. */
  readonly hangEverything: boolean;
  /** stdio: lines that are no JSON, written to stdout at start and before each message. Default 0. */
  readonly noise: number;
  /** Process: bytes written to stderr at start and before each answer to a call. Default 0. */
  readonly stderrFlood: number;
  /** Bytes per write of a message. Default Infinity. */
  readonly chunkBytes: number;
  /** Generated tools, each with an output schema, listed after the real ones. Default 0. */
  readonly tools: number;
  /** Resources listed. Default 2. */
  readonly resources: number;
  /** Prompts listed. Default 2. */
  readonly prompts: number;
  /** Entries per page of any list. Default Infinity. */
  readonly pageSize: number;
  /** The page of any list, counted from 1, that is a JSON-RPC error. Default Infinity. */
  readonly failPage: number;
  /** The cursor of the second page is the empty string. Default false. */
  readonly emptyCursor: boolean;
  /** The last page leads back to the first. Default false. */
  readonly cursorLoop: boolean;
  /** The tool list has an entry that is no valid tool. Default false. */
  readonly malformedTool: boolean;
  /** The tool list has a tool whose output schema cannot be compiled. Default false. */
  readonly uncompilableSchema: boolean;
  /** Milliseconds between reading a list and answering with it. Default 0. */
  readonly listDelayMs: number;
  /** The hint of that name in list results, in milliseconds. Default undefined: absent. */
  readonly ttlMs: number | undefined;
  /** The hint of that name in list results. Default undefined: absent. */
  readonly cacheScope: "public" | "private" | undefined;
  /** Sessions opened from now on are not told that lists announce changes. Default false. */
  readonly noListChanged: boolean;
  /** Notices of a changed tool list sent right after `notifications/initialized`. Default 0. */
  readonly listChangedOnInit: number;
  /** Notices of a changed tool list sent while a tool list is being answered. Default 0. */
  readonly listChangedOnList: number;
  /** HTTP: how POSTs are answered. Default "json". */
  readonly reply: "json" | "sse";
  /** HTTP: POSTs are refused with this status, 400 to 599. Default undefined. */
  readonly status: number | undefined;
  /** HTTP: the Retry-After of such refusals, seconds or a date. Default undefined: absent. */
  readonly retryAfter: string | number | undefined;
  /** HTTP: the socket of a POST is reset instead of an answer. Default false. */
  readonly resetSocket: boolean;
  /** HTTP: the reply begins and ends without the answer. Default false. */
  readonly endStream: boolean;
  /** HTTP: the reply begins and stays open without the answer. Default false. */
  readonly holdStream: boolean;
  /** HTTP: which POSTs the four faults above hit. Default "posts": all of them. */
  readonly only: "posts" | "calls";
  /** HTTP: whether what was asked for is done before they strike. Default "before": it is not. */
  readonly when: "before" | "after";
  /** HTTP: so many hits later those faults, `only`, `when` and `times` are off again. Default Infinity. */
  readonly times: number;
  /** HTTP: requests after which a session is forgotten. Default Infinity. */
  readonly forgetAfter: number;
  /** HTTP: milliseconds after which standing GET streams are ended. Default Infinity. */
  readonly streamLifeMs: number;
  /** HTTP: GET /mcp is refused with 405. Default false. */
  readonly noGetStream: boolean;
}

/** Some of the faults; undefined means off. */
export type FaultSettings = { readonly [K in keyof Faults]?: Faults[K] | undefined };

interface FaultRule<T> {
  readonly off: T;
  readonly rule: string;
  readonly help: string;
  readonly accepts: (value: unknown) => value is T;
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

const flag = (help: string): FaultRule<boolean> => ({
  off: false,
  rule: "true or false",
  help,
  accepts: (value) => typeof value === "boolean",
});
const amount = (off: number, help: string): FaultRule<number> => ({
  off,
  rule: "a whole number from 0 up",
  help,
  accepts: (value): value is number => isWhole(value) && value >= 0,
});
const limit = (help: string): FaultRule<number> => ({
  off: Number.POSITIVE_INFINITY,
  rule: "a positive integer or Infinity",
  help,
  accepts: (value): value is number => value === Number.POSITIVE_INFINITY || (isWhole(value) && value > 0),
});
const choice = <T extends string | undefined>(off: T, choices: readonly T[], help: string): FaultRule<T> => ({
  off,
  rule: `one of ${choices.join(", ")}`,
  help,
  accepts: (value): value is T => value === off || choices.some((one) => one === value),
});
const optional = <T>(
  rule: string,
  help: string,
  accepts: (value: unknown) => value is T,
): FaultRule<T | undefined> => ({
  off: undefined,
  rule,
  help,
  accepts: (value): value is T | undefined => value === undefined || accepts(value),
});

/** The rule of each fault; the order is that of the help text. */
export const faultRules: { readonly [K in keyof Faults]: FaultRule<Faults[K]> } = {
  startDelayMs: amount(0, "answers initialize this much later"),
  failStart: {
    off: "",
    rule: "a text",
    help: "writes this to stderr and exits 1",
    accepts: (value) => typeof value === "string",
  },
  hangInitialize: flag("never answers initialize"),
  flapSpawns: limit("exits 1 at every nth spawn (needs --journal)"),
  flapCalls: limit("crashes at every nth tools/call, before it runs"),
  exitWhileIdleMs: limit("exits 0 after so long without a request"),
  ignoreEof: flag("lives on when stdin ends"),
  ignoreTerm: flag("lives on after SIGTERM, SIGINT and SIGHUP"),
  busy: flag("computes for ever after initialized"),
  wrapper: choice("none", ["none", "node", "sh"], "runs under a parent like npx's"),
  grandchild: flag("has a child with a stdio of its own"),
  grandchildInherit: flag("has a child that holds its stdio open"),
  grandchildSession: flag("has a child in a session of its own"),
  callDelayMs: amount(0, "runs every tools/call this much later"),
  hangCalls: flag("answers no tools/call, but everything else"),
  hangEverything: flag("answers nothing, not even pings"),
  noise: amount(0, "lines that are no JSON on stdout, at start and before each message"),
  stderrFlood: amount(0, "bytes on stderr, at start and before each answer to a call"),
  chunkBytes: limit("writes messages in pieces of this size"),
  tools: amount(0, "generated tools with output schemas"),
  resources: amount(2, "resources listed"),
  prompts: amount(2, "prompts listed"),
  pageSize: limit("list entries per page"),
  failPage: limit("answers the nth page of a list with an error"),
  emptyCursor: flag("makes the first cursor the empty string"),
  cursorLoop: flag("never ends a paginated list"),
  malformedTool: flag("lists an entry that is no valid tool"),
  uncompilableSchema: flag("lists a tool with an output schema that refers to nothing"),
  listDelayMs: amount(0, "answers lists this much after reading them"),
  ttlMs: optional(
    "a whole number from 0 up",
    "the ttlMs hint in list results",
    (value): value is number => isWhole(value) && value >= 0,
  ),
  cacheScope: choice<Faults["cacheScope"]>(undefined, ["public", "private"], "the cacheScope hint in list results"),
  noListChanged: flag("does not declare that lists announce changes"),
  listChangedOnInit: amount(0, "list_changed notices right after initialized"),
  listChangedOnList: amount(0, "list_changed notices while a tool list is being answered"),
  reply: choice("json", ["json", "sse"], "http: the form of replies to POSTs"),
  status: optional(
    "an integer from 400 to 599",
    "http: refuses POSTs with it",
    (value): value is number => isWhole(value) && value >= 400 && value <= 599,
  ),
  retryAfter: optional(
    "seconds or an HTTP date",
    "http: the Retry-After of such a refusal",
    (value): value is string | number => (typeof value === "string" && value !== "") || (isWhole(value) && value >= 0),
  ),
  resetSocket: flag("http: resets the socket instead of an answer"),
  endStream: flag("http: ends the reply without the answer"),
  holdStream: flag("http: leaves the reply open without the answer"),
  only: choice("posts", ["posts", "calls"], "http: which POSTs these four hit"),
  when: choice("before", ["before", "after"], "http: whether the call is run first"),
  times: limit("http: after so many hits these seven are off again"),
  forgetAfter: limit("http: forgets a session after so many requests"),
  streamLifeMs: limit("http: ends standing GET streams after so long"),
  noGetStream: flag("http: refuses GET /mcp with 405"),
};

export function isFaultName(name: string): name is keyof Faults {
  return Object.hasOwn(faultRules, name);
}

/** Everything off. */
const healthy: Faults = withFaults(
  Object.create(null),
  Object.keys(faultRules).map((name) => [name, undefined]),
  "bug",
);

/**
 * `base` with `settings` on top; undefined and null switch a fault off.
 *
 * @throws TypeError | RangeError that names `owner`, the fault, its rule and the value
 */
export function applyFaults(base: Faults, settings: unknown, owner: string): Faults {
  if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
    throw new TypeError(`${owner}: faults must be an object, got ${show(settings)}`);
  }
  return withFaults(base, Object.entries(settings), owner);
}

/** The faults a server starts with. */
export function startFaults(settings: unknown, owner: string): Faults {
  return applyFaults(healthy, settings ?? {}, owner);
}

function withFaults(base: Faults, entries: readonly (readonly [string, unknown])[], owner: string): Faults {
  const next: { -readonly [K in keyof Faults]: Faults[K] } = { ...base };
  for (const [name, value] of entries) {
    if (!isFaultName(name)) throw new TypeError(`${owner}: there is no fault "${name}"`);
    assign(next, name, value, owner);
  }
  return next;
}

function assign<K extends keyof Faults>(
  target: { -readonly [N in keyof Faults]: Faults[N] },
  name: K,
  value: unknown,
  owner: string,
): void {
  const rule: FaultRule<Faults[K]> = faultRules[name];
  const meant = value ?? rule.off;
  if (!rule.accepts(meant)) {
    const message = `${owner}: ${name} must be ${rule.rule}, got ${show(value)}`;
    throw typeof value === typeof rule.off ? new RangeError(message) : new TypeError(message);
  }
  target[name] = meant;
}
