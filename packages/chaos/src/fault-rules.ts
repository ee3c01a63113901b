import { capabilities, type ExtraTool, type Faults, floods, legacyVersions, lostSessions, targets } from "./faults.js";
import { isOptions } from "./is-options.js";
import { show } from "./show.js";

interface FaultRule<T> {
  readonly off: T;
  readonly rule: string;
  readonly help: string;
  /** What a value is, as {@link kindOf} says it, where only its range can be wrong. */
  readonly kinds: readonly string[];
  readonly accepts: (value: unknown) => value is T;
}

/** `typeof`, which takes a list for any object, but lists apart. */
function kindOf(value: unknown): string {
  if (!Array.isArray(value)) return typeof value;
  return value.every((one) => typeof one === "string") ? "strings" : "list";
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);

const flag = (help: string): FaultRule<boolean> => ({
  off: false,
  rule: "true or false",
  help,
  kinds: ["boolean"],
  accepts: (value) => typeof value === "boolean",
});
const amount = (off: number, help: string): FaultRule<number> => ({
  off,
  rule: "a whole number from 0 up",
  help,
  kinds: ["number"],
  accepts: (value): value is number => isWhole(value) && value >= 0,
});
const limitOf = (off: number, help: string): FaultRule<number> => ({
  off,
  rule: "a positive integer or Infinity",
  help,
  kinds: ["number"],
  accepts: (value): value is number => value === Number.POSITIVE_INFINITY || (isWhole(value) && value > 0),
});
const limit = (help: string): FaultRule<number> => limitOf(Number.POSITIVE_INFINITY, help);
const text = (help: string): FaultRule<string> => ({
  off: "",
  rule: "a string",
  help,
  kinds: ["string"],
  accepts: (value) => typeof value === "string",
});
const several = <T extends string>(
  off: readonly T[],
  choices: readonly T[],
  help: string,
): FaultRule<readonly T[]> => ({
  off,
  rule: `a list of ${choices.join(", ")}`,
  help,
  kinds: ["strings"],
  accepts: (value): value is readonly T[] =>
    Array.isArray(value) && value.every((one) => choices.some((choice) => choice === one)),
});
const choice = <T extends string | undefined>(off: T, choices: readonly T[], help: string): FaultRule<T> => ({
  off,
  rule: `one of ${choices.join(", ")}`,
  help,
  kinds: ["string"],
  accepts: (value): value is T => value === off || choices.some((one) => one === value),
});
const optional = <T>(
  rule: string,
  help: string,
  accepts: (value: unknown) => value is T,
  kinds: readonly string[] = ["number"],
): FaultRule<T | undefined> => ({
  off: undefined,
  rule,
  help,
  kinds,
  accepts: (value): value is T | undefined => value === undefined || accepts(value),
});

function isExtraTool(value: unknown): boolean {
  return typeof value === "object" && value !== null && "name" in value && typeof value.name === "string";
}

/** The rule of each fault; the order is that of the help text. */
export const faultRules: { readonly [K in keyof Faults]: FaultRule<Faults[K]> } = {
  startDelayMs: amount(0, "answers initialize this much later"),
  failStart: text("writes this to stderr and exits 1"),
  hangInitialize: flag("never answers initialize"),
  flapSpawns: limit("exits 1 at every nth spawn (needs --journal)"),
  flapCalls: limit("crashes at every nth tools/call, before it runs"),
  exitWhileIdleMs: limit("exits 0 after so long without a request"),
  ignoreEof: flag("lives on when stdin ends"),
  ignoreTerm: flag("lives on after SIGTERM, SIGINT and SIGHUP"),
  busy: flag("computes forever after initialized"),
  wrapper: choice("none", ["none", "node", "sh"], "runs under a parent like npx's"),
  grandchild: flag("has a child with a stdio of its own"),
  grandchildInherit: flag("has a child that holds its stdio open"),
  grandchildSession: flag("has a child in a session of its own"),
  callDelayMs: amount(0, "runs every tools/call this much later"),
  hangCalls: flag("answers no tools/call, but everything else"),
  hangEverything: flag("answers nothing, not even pings"),
  noise: amount(0, "lines that are not JSON on stdout, at start and before each message"),
  stderrFlood: amount(0, "bytes on stderr, at start and before each answer to a call"),
  chunkBytes: limit("writes messages in pieces of this size"),
  tools: amount(0, "generated tools with output schemas"),
  resources: amount(2, "resources listed"),
  prompts: amount(2, "prompts listed"),
  pageSize: limit("list entries per page"),
  failPage: limit("answers the nth page of a list with an error"),
  emptyCursor: flag("makes the first cursor the empty string"),
  cursorLoop: flag("never ends a paginated list"),
  malformedTool: flag("lists an entry that is not a valid tool"),
  uncompilableSchema: flag("lists a tool with an output schema that refers to nothing"),
  listDelayMs: amount(0, "answers lists this much after reading them"),
  ttlMs: optional(
    "a whole number from 0 up",
    "the ttlMs hint in list results",
    (value): value is number => isWhole(value) && value >= 0,
  ),
  cacheScope: choice<Faults["cacheScope"]>(undefined, ["public", "private"], "the cacheScope hint in list results"),
  noListChanged: flag("does not declare that lists announce changes"),
  listChangedOnInit: amount(0, "list_changed notifications right after initialized"),
  listChangedOnList: amount(0, "list_changed notifications while a tool list is being answered"),
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
    ["number", "string"],
  ),
  resetSocket: flag("http: resets the socket instead of an answer"),
  endStream: flag("http: ends the reply without the answer"),
  holdStream: flag("http: leaves the reply open without the answer"),
  only: choice("posts", targets, "http: which POSTs these four hit"),
  when: choice("before", ["before", "after"], "http: whether the call is run first"),
  times: limit("http: after so many hits these seven are off again"),
  forgetAfter: limit("http: forgets a session after so many requests"),
  streamLifeMs: limit("http: ends standing GET streams after so long"),
  noGetStream: flag("http: refuses GET /mcp with 405"),
  bootMs: amount(0, "http: answers nothing for so long after the start and a played crash"),
  closeOnReuse: flag("http: closes a socket when a second request arrives on it"),
  lostSession: choice("404", lostSessions, "http: how an unknown session is announced"),
  singleSession: flag("http: refuses a further initialize with 400 while a session is open"),
  failFirstGet: optional(
    "an integer from 400 to 599",
    "http: refuses the first GET of each session with it",
    (value): value is number => isWhole(value) && value >= 400 && value <= 599,
  ),
  sseRetryMs: optional(
    "a whole number from 0 up",
    "http: the retry at the beginning of event streams",
    (value): value is number => isWhole(value) && value >= 0,
  ),
  linePrefix: choice("none", ["none", "bom", "text", "color"], "stdio: what stands before the message on a line"),
  nullMembers: flag("sends null for optional members"),
  endlessPages: flag("lists that never end, with fresh cursors"),
  repeatCursor: flag("lists whose pages all have the same cursor"),
  duplicateTool: flag("lists echo twice"),
  flood: choice("none", floods, "sends such messages all the time"),
  floodPerSecond: limitOf(1_000, "the rate of --flood"),
  grandchildForks: flag("has a child that starts children all the time, and at SIGTERM"),
  daemon: flag("has a daemon whose parent is gone"),
  replica: text("a name of this server, in every result"),
  instructions: text("the instructions of the server"),
  lacks: several([], capabilities, "capabilities that are not declared"),
  extraTools: {
    off: [],
    rule: "an array of tools, each with a name",
    help: "tools as a JSON array: name, inputSchema, outputSchema, annotations, result, error",
    kinds: [],
    accepts: (value): value is readonly ExtraTool[] => Array.isArray(value) && value.every(isExtraTool),
  },
  protocol: choice("dual", ["legacy", "modern", "dual"], "the protocol eras that are spoken"),
  versions: several(legacyVersions, legacyVersions, "the legacy revisions that are offered"),
  noDiscover: flag("modern: does not know server/discover"),
  bareResults: flag("modern: results without resultType, ttlMs, cacheScope and server info"),
  listen: choice("grant", ["grant", "empty", "silent", "refuse"], "modern: what becomes of subscriptions/listen"),
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
  if (!isOptions(settings)) {
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
    if (!isFaultName(name)) throw new TypeError(`${owner}: there is no fault ${show(name)}`);
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
    throw rule.kinds.includes(kindOf(value)) ? new RangeError(message) : new TypeError(message);
  }
  target[name] = meant;
}
