export const targets = ["posts", "calls", "lists", "initialize", "discover", "listen"] as const;
export const lostSessions = ["404", "404-text", "404-id", "400", "401", "503", "200-null", "200-id"] as const;
export const floods = ["none", "noise", "log", "ping", "progress", "listChanged", "request", "answer"] as const;
export const capabilities = ["tools", "resources", "subscribe", "prompts", "completions", "logging"] as const;
export const legacyVersions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const;

/** Every way in which the server can misbehave. What each does stands in the README; here are the type, the unit, the
 * default and the file of `src` that carries it out. */
export interface Faults {
  /** Milliseconds by which the answer to `initialize` or `server/discover` is late; over stdio nothing is read before. Default 0. In `legacy/faulty-transport.ts`. */
  readonly startDelayMs: number;
  /** Process: goes to stderr, then exit 1. Default "": the start succeeds. In `process/process-host.ts`. */
  readonly failStart: string;
  /** `initialize` or `server/discover` is never answered. Default false. In `legacy/faulty-transport.ts`. */
  readonly hangInitialize: boolean;
  /** Process with a journal file: every nth spawn exits 1 at once. Default Infinity. In `process/process-host.ts`. */
  readonly flapSpawns: number;
  /** Every nth `tools/call` crashes the server before it runs. Default Infinity. In `fault-controller.ts`. */
  readonly flapCalls: number;
  /** Process: milliseconds without a request after which it exits 0. Default Infinity. In `process/process-host.ts`. */
  readonly exitWhileIdleMs: number;
  /** Process: lives on when stdin ends. Default false. In `stdio/stdio-endpoint.ts`. */
  readonly ignoreEof: boolean;
  /** Process: lives on after SIGTERM, SIGINT and SIGHUP, and so do grandchildren. Default false. In `process/process-host.ts`. */
  readonly ignoreTerm: boolean;
  /** Process: computes forever after `notifications/initialized` or `server/discover`. Default false. In `legacy/session.ts`. */
  readonly busy: boolean;
  /** Process, at start only: runs as the child of another process, or of a shell of another. Default "none". In `cli.ts`. */
  readonly wrapper: "none" | "node" | "sh";
  /** Process, at start only: has a child with a stdio of its own. Default false. In `process/grandchildren.ts`. */
  readonly grandchild: boolean;
  /** Process, at start only: has a child that holds the server's stdio open. Default false. In `process/grandchildren.ts`. */
  readonly grandchildInherit: boolean;
  /** Process, at start only: has a child in a session, and process group, of its own. Default false. In `process/grandchildren.ts`. */
  readonly grandchildSession: boolean;
  /** Milliseconds by which every `tools/call` runs later. Default 0. In `features/answer.ts`. */
  readonly callDelayMs: number;
  /** No `tools/call` is run or answered; everything else is. Default false. In `features/answer.ts`. */
  readonly hangCalls: boolean;
  /** Everything is read and nothing answered, pings included. Default false. In `legacy/faulty-transport.ts`. */
  readonly hangEverything: boolean;
  /** stdio: lines that are not JSON, written to stdout at start and before each message. Default 0. In `stdio/stdio-output.ts`. */
  readonly noise: number;
  /** Process: bytes written to stderr at start and before each answer to a call. Default 0. In `process/process-host.ts`. */
  readonly stderrFlood: number;
  /** Bytes per write of a message. Default Infinity. In `stdio/stdio-output.ts`. */
  readonly chunkBytes: number;
  /** Generated tools, each with an output schema, listed after the real ones. Default 0. In `features/lists.ts`. */
  readonly tools: number;
  /** Resources listed. Default 2. In `features/resources.ts`. */
  readonly resources: number;
  /** Prompts listed. Default 2. In `features/resources.ts`. */
  readonly prompts: number;
  /** Entries per page of any list. Default Infinity. In `features/lists.ts`. */
  readonly pageSize: number;
  /** The page of any list, counted from 1, that is a JSON-RPC error. Default Infinity. In `features/lists.ts`. */
  readonly failPage: number;
  /** The cursor of the second page is the empty string. Default false. In `features/lists.ts`. */
  readonly emptyCursor: boolean;
  /** The last page leads back to the first. Default false. In `features/lists.ts`. */
  readonly cursorLoop: boolean;
  /** The tool list has an entry that is not a valid tool. Default false. In `features/lists.ts`. */
  readonly malformedTool: boolean;
  /** The tool list has a tool whose output schema cannot be compiled. Default false. In `features/lists.ts`. */
  readonly uncompilableSchema: boolean;
  /** Milliseconds between reading a list and answering with it. Default 0. In `features/answer.ts`. */
  readonly listDelayMs: number;
  /** The hint of that name in list results, in milliseconds. Default undefined: absent. In `features/lists.ts`. */
  readonly ttlMs: number | undefined;
  /** The hint of that name in list results. Default undefined: absent. In `features/lists.ts`. */
  readonly cacheScope: "public" | "private" | undefined;
  /** Sessions opened from now on are not told that lists announce changes. Default false. In `legacy/session.ts`. */
  readonly noListChanged: boolean;
  /** Notifications of a changed tool list sent right after `notifications/initialized`. Default 0. In `legacy/session.ts`. */
  readonly listChangedOnInit: number;
  /** Notifications of a changed tool list sent while a tool list is being answered. Default 0. In `features/answer.ts`. */
  readonly listChangedOnList: number;
  /** HTTP: how POSTs are answered. Default "json". In `http/post-faults.ts`. */
  readonly reply: "json" | "sse";
  /** HTTP: POSTs are refused with this status, 400 to 599. Default undefined. In `http/post-faults.ts`. */
  readonly status: number | undefined;
  /** HTTP: the Retry-After of such refusals, seconds or a date. Default undefined: absent. In `http/post-faults.ts`. */
  readonly retryAfter: string | number | undefined;
  /** HTTP: the socket of a POST is reset instead of an answer. Default false. In `http/post-faults.ts`. */
  readonly resetSocket: boolean;
  /** HTTP: the reply begins and ends without the answer. Default false. In `http/post-faults.ts`. */
  readonly endStream: boolean;
  /** HTTP: the reply begins and stays open without the answer. Default false. In `http/post-faults.ts`. */
  readonly holdStream: boolean;
  /** HTTP: which POSTs the four faults above hit. Default "posts": all of them. In `http/post-faults.ts`. */
  readonly only: Target;
  /** HTTP: whether what was asked for is done before they strike. Default "before": it is not. In `http/post-faults.ts`. */
  readonly when: "before" | "after";
  /** HTTP: so many hits later those faults, `only`, `when` and `times` are off again. Default Infinity. In `http/post-faults.ts`. */
  readonly times: number;
  /** HTTP: requests after which a session is forgotten. Default Infinity. In `legacy/streamable-endpoint.ts`. */
  readonly forgetAfter: number;
  /** HTTP: milliseconds after which standing GET streams and subscriptions are ended without a result. Default Infinity. In `legacy/streamable-endpoint.ts`. */
  readonly streamLifeMs: number;
  /** HTTP: GET /mcp is refused with 405. Default false. In `legacy/streamable-endpoint.ts`. */
  readonly noGetStream: boolean;
  /** HTTP: milliseconds after the start, and after a crash that is played, in which no request is answered. Default 0. In `http/http-endpoint.ts`. */
  readonly bootMs: number;
  /** HTTP: the socket is closed when a second request arrives on it. Default false. In `http/http-endpoint.ts`. */
  readonly closeOnReuse: boolean;
  /** HTTP, legacy: how a session that is not known is announced. Default "404": with -32001 and id null. In `legacy/lost-session.ts`. */
  readonly lostSession: LostSession;
  /** HTTP, legacy: a second `initialize` is refused with 400 while a session is open. Default false. In `legacy/streamable-endpoint.ts`. */
  readonly singleSession: boolean;
  /** HTTP, legacy: the first GET of each session is refused with this status, 400 to 599. Default undefined. In `legacy/streamable-endpoint.ts`. */
  readonly failFirstGet: number | undefined;
  /** HTTP: the `retry` in milliseconds at the beginning of every event stream. Default undefined: absent. In `http/http-reply.ts`. */
  readonly sseRetryMs: number | undefined;
  /** stdio: what stands on a line before its message. Default "none". In `stdio/stdio-output.ts`. */
  readonly linePrefix: "none" | "bom" | "text" | "color";
  /** Members that are optional are sent as null, and notifications without parameters with `params: null`. Default false. In `http/http-reply.ts`. */
  readonly nullMembers: boolean;
  /** A list never ends: each page has a cursor that was never seen before. Default false. In `features/lists.ts`. */
  readonly endlessPages: boolean;
  /** Every page of a list has the same cursor. Default false. In `features/lists.ts`. */
  readonly repeatCursor: boolean;
  /** The tool list has `echo` twice. Default false. In `features/lists.ts`. */
  readonly duplicateTool: boolean;
  /** What is sent without being asked for, `floodPerSecond` times a second, for as long as it is set. Default "none". In `flood.ts`. */
  readonly flood: FloodKind;
  /** Messages per second of `flood`. Default 1 000. In `flood.ts`. */
  readonly floodPerSecond: number;
  /** Process, at start only: has a child that starts further ones all the time, and at SIGTERM. Default false. In `process/grandchildren.ts`. */
  readonly grandchildForks: boolean;
  /** Process, at start only: has a daemon, whose parent is gone, in a session of its own. Default false. In `process/grandchildren.ts`. */
  readonly daemon: boolean;
  /** A name of this server among its equals: in `_meta["minion-chaos/replica"]` of every result. Default "": absent. In `features/answer.ts`. */
  readonly replica: string;
  /** What the server says of itself to a client's model. Default "": absent. In `features/capabilities.ts`. */
  readonly instructions: string;
  /** Capabilities that are not declared; their methods are unknown. Default none. In `features/capabilities.ts`. */
  readonly lacks: readonly Capability[];
  /** Tools that a test defines. Default none. In `features/extra-tools.ts`. */
  readonly extraTools: readonly ExtraTool[];
  /** The protocol eras that are spoken. Default "dual". In `era.ts`. */
  readonly protocol: "legacy" | "modern" | "dual";
  /** The legacy revisions that are offered. Default: all from 2024-11-05 to 2025-11-25. In `era.ts`. */
  readonly versions: readonly LegacyVersion[];
  /** Modern: `server/discover` is an unknown method. Default false. In `modern/modern-dialect.ts`. */
  readonly noDiscover: boolean;
  /** Modern: results without `resultType`, `ttlMs`, `cacheScope` and server info. Default false. In `modern/modern-results.ts`. */
  readonly bareResults: boolean;
  /** Modern: what becomes of `subscriptions/listen`. Default "grant". In `modern/subscriptions.ts`. */
  readonly listen: "grant" | "empty" | "silent" | "refuse";
}

/** Which POSTs the faults of the reply hit. */
export type Target = (typeof targets)[number];

/** How a session that is not known is announced. */
export type LostSession = (typeof lostSessions)[number];

/** What is sent without being asked for. */
export type FloodKind = (typeof floods)[number];

/** What a server declares, or not. */
export type Capability = (typeof capabilities)[number];

/** A revision with `initialize`. */
export type LegacyVersion = (typeof legacyVersions)[number];

/** A tool that a test defines; it is listed after the others, as it stands here but for what it answers. */
export interface ExtraTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** Default `{ type: "object" }`. Properties with `x-mcp-header` are checked against their headers. */
  readonly inputSchema?: { readonly [member: string]: unknown } | undefined;
  readonly outputSchema?: { readonly [member: string]: unknown } | boolean | undefined;
  readonly annotations?: { readonly [member: string]: unknown } | undefined;
  readonly _meta?: { readonly [member: string]: unknown } | undefined;
  /** The result as it goes on the wire. Default: the arguments as JSON in a text. */
  readonly result?: { readonly [member: string]: unknown } | undefined;
  /** A JSON-RPC error instead of a result. */
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown } | undefined;
}

/** Some of the faults; undefined means off. */
export type FaultSettings = { readonly [K in keyof Faults]?: Faults[K] | undefined };
