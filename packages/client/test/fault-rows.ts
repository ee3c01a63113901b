import { isConnectFailure } from "../src/session/http/status-failure.js";
import {
  type Era,
  effects,
  type Scenario,
  type Subject,
  subjectOf,
  type TransportName,
  turns,
  withSurvivors,
} from "./session/fault-runner.js";
import { ofType, start, statusOf, until } from "./support.js";

/** One fault, and what a call comes to over each transport. */
export interface Row extends Omit<Scenario, "before" | "during"> {
  readonly when: string;
  readonly before?: (subject: Subject, isConnected: () => boolean) => Promise<void> | void;
  readonly during?: (subject: Subject) => Promise<void> | void;
  /** Undefined where the transport cannot have the fault. Both forms of HTTP replies fare alike. */
  readonly stdio?: string;
  readonly http?: string;
  readonly sse?: string;
  /** What differs with revision 2026-07-28, which has no SSE transport; null where that cannot have the fault. */
  readonly modern?: { readonly stdio?: string | null; readonly http?: string | null };
}

const calls = { only: "calls" } as const;
const once = { ...calls, times: 1 } as const;
const answered = "answered, run once";
const again = "sent again, run once";
const lost = "OutcomeUnknownError, not run";
const lostOnce = "OutcomeUnknownError, run once";

function everywhere(outcome: string): Pick<Row, "stdio" | "http" | "sse"> {
  return { stdio: outcome, http: outcome, sse: outcome };
}

function overHttp(outcome: string): Pick<Row, "http" | "sse"> {
  return { http: outcome, sse: outcome };
}

function kill(subject: Subject): void {
  process.kill(subject.pid(), "SIGKILL");
}

function killWrapper(subject: Subject): void {
  const spawned = subject.journal().find((entry) => entry.event === "spawn");
  if (spawned?.event === "spawn") process.kill(spawned.ppid, "SIGKILL");
}

/** Kills the process that serves and waits until that shows. */
async function killAndWait(subject: Subject, isConnected: () => boolean): Promise<void> {
  const { target } = subject;
  kill(subject);
  if (!("url" in target) || target.type === "sse") return until(() => !isConnected(), "its death is noticed");
  let refused = false;
  while (!refused) refused = await fetch(target.url).then(() => false, isConnectFailure);
  await turns();
}

const legacyOnly = { modern: { stdio: null, http: null } } as const;

/** The one table of what a call comes to, whatever is wrong with its server. */
export const rows: readonly Row[] = [
  { when: "nothing is wrong", ...everywhere(answered) },
  { when: "it starts slowly", start: { startDelayMs: 300 }, ...everywhere(answered) },
  { when: "it fails to start", start: { failStart: "no key" }, stdio: "ConnectError, with stderr, not run" },
  {
    when: "it never answers `initialize` or `server/discover`",
    start: { hangInitialize: true },
    connectTimeoutMs: 500,
    ...everywhere("ConnectError, not run"),
  },
  {
    when: "it crashes before the side effect",
    ownProcess: true,
    call: ["crash", { when: "before", key: "once" }],
    ...everywhere(lost),
  },
  {
    when: "it crashes after the side effect",
    ownProcess: true,
    call: ["crash", { when: "after", key: "once" }],
    ...everywhere(lostOnce),
  },
  {
    when: "it is killed during a call",
    ownProcess: true,
    call: ["hang"],
    during: kill,
    ...everywhere("OutcomeUnknownError"),
  },
  { when: "it is killed before a call", ownProcess: true, before: killAndWait, stdio: answered },
  {
    when: "it is killed and nobody starts it again",
    ownProcess: true,
    before: killAndWait,
    ...overHttp("ConnectError, not run"),
  },
  {
    when: "only its `npx` is killed",
    start: { wrapper: "sh", grandchild: true },
    call: ["hang"],
    during: killWrapper,
    stdio: "OutcomeUnknownError",
  },
  {
    when: "it exits while idle",
    start: { exitWhileIdleMs: 300 },
    before: (_subject, isConnected) => until(() => !isConnected(), "it exits"),
    stdio: answered,
  },
  {
    when: "it never answers the call",
    set: { hangCalls: true },
    deadlineMs: 400,
    ...everywhere("CallTimeoutError, not run"),
  },
  {
    when: "it answers nothing any more",
    set: { hangEverything: true },
    deadlineMs: 400,
    ...everywhere("CallTimeoutError, not run"),
  },
  {
    when: "it is frozen",
    ownProcess: true,
    before: (subject) => void process.kill(subject.pid(), "SIGSTOP"),
    deadlineMs: 400,
    ...everywhere("CallTimeoutError, not run"),
  },
  { when: "it computes forever", start: { busy: true }, call: ["hang"], deadlineMs: 400, stdio: "CallTimeoutError" },
  { when: "it ignores the end of its input", start: { ignoreEof: true }, stdio: answered },
  {
    when: "it and its children ignore SIGTERM too",
    start: { ignoreEof: true, ignoreTerm: true, grandchild: true, grandchildInherit: true, grandchildSession: true },
    stdio: answered,
  },
  {
    when: "it runs behind `npx`, with children",
    start: { wrapper: "node", grandchild: true, grandchildSession: true },
    stdio: answered,
  },
  { when: "it prints noise on stdout", start: { noise: 20 }, stdio: answered },
  { when: "it floods stderr", start: { stderrFlood: 1_000_000 }, stdio: answered },
  { when: "it writes byte by byte", start: { chunkBytes: 1 }, ...everywhere(answered) },
  {
    when: "its answer is too large",
    call: ["big", { bytes: 300_000 }],
    maxMessageBytes: 100_000,
    ...everywhere("MessageTooLargeError"),
  },
  {
    when: "it answers with a JSON-RPC error",
    call: ["rpcError", { code: -32_050 }],
    ...everywhere("the server's error"),
  },
  { when: "the tool fails (`isError`)", call: ["fail"], ...everywhere("answered") },
  { when: "it refuses with 400", set: { ...calls, status: 400 }, ...overHttp("HttpError, not run") },
  { when: "it refuses with 401", set: { ...calls, status: 401 }, ...overHttp("AuthorizationError, not run") },
  { when: "it refuses with 403", set: { ...calls, status: 403 }, ...overHttp("AuthorizationError, not run") },
  { when: "it refuses once with 429", set: { ...once, status: 429 }, ...overHttp(again) },
  {
    when: "it refuses once with 503 and Retry-After: 1",
    set: { ...once, status: 503, retryAfter: "1" },
    ...overHttp(again),
  },
  {
    when: "it refuses with 429 to the end",
    set: { ...calls, status: 429 },
    ...overHttp("ServerUnavailableError, not run"),
  },
  { when: "it fails with 408", set: { ...calls, status: 408 }, ...overHttp(lost) },
  { when: "it fails with 500", set: { ...calls, status: 500 }, ...overHttp(lost) },
  { when: "it fails with 502", set: { ...calls, status: 502 }, ...overHttp(lost) },
  { when: "it fails with 503", set: { ...calls, status: 503 }, ...overHttp(lost) },
  {
    when: "it fails with 504 after the side effect",
    set: { ...calls, status: 504, when: "after" },
    ...overHttp(lostOnce),
  },
  { when: "it resets the socket", set: { ...calls, resetSocket: true }, ...overHttp(lost) },
  {
    when: "it resets the socket after the side effect",
    set: { ...calls, resetSocket: true, when: "after" },
    ...overHttp(lostOnce),
  },
  {
    when: "the stream ends without the answer",
    set: { ...calls, endStream: true, when: "after" },
    ...overHttp(lostOnce),
  },
  {
    when: "the stream stays open without the answer",
    set: { ...calls, holdStream: true, when: "after" },
    deadlineMs: 400,
    ...overHttp("CallTimeoutError, run once"),
  },
  {
    when: "it forgets the session (404)",
    before: (subject) => subject.act("forgetSessions"),
    ...overHttp(again),
    ...legacyOnly,
  },
  {
    when: "every socket breaks during a call",
    call: ["hang"],
    during: (subject) => subject.act("dropConnections"),
    ...overHttp("OutcomeUnknownError"),
  },
  {
    when: "its standing stream ends",
    call: ["slow", { ms: 300 }],
    during: (subject) => subject.act("dropStreams"),
    http: "answered",
    sse: "OutcomeUnknownError",
  },
  { when: "it has no standing stream", start: { noGetStream: true }, http: answered, ...legacyOnly },
  { when: "it grants no subscription", start: { listen: "refuse" }, modern: { stdio: answered, http: answered } },
  { when: "it never grants a subscription", start: { listen: "silent" }, modern: { stdio: answered, http: answered } },
  {
    when: "its results say nothing of themselves",
    start: { bareResults: true },
    modern: { stdio: answered, http: answered },
  },
];

/** In words, what became of one call through a client, and of the server's processes after its end. */
export async function run(row: Row, transport: TransportName, era: Era): Promise<string> {
  const subject = await subjectOf(row, transport, era);
  const { connectTimeoutMs = 30_000, maxMessageBytes = 67_108_864 } = row;
  // What ends neither with its input nor by SIGTERM takes all of the time that a close has, but for a fifth.
  const closeTimeoutMs = 2_000;
  const retry = { initialDelayMs: 1, maxDelayMs: 5 };
  const policy = { connectTimeoutMs, closeTimeoutMs, maxMessageBytes, retry };
  const { client, events } = start({ one: { ...subject.target, ...policy } });
  await client.connect();
  if (row.set !== undefined) await subject.set(row.set);
  await row.before?.(subject, () => statusOf(client, "one").connected);
  const [tool, args] = row.call ?? ["sideEffect", { key: "once" }];
  const calling = client
    .callTool("one", tool, args, { timeoutMs: row.deadlineMs ?? 30_000 })
    .then(() => (ofType(events, "callFinished").at(-1)?.attempts === 1 ? "answered" : "sent again"), inWords);
  if (row.during !== undefined) {
    const isThere = (): boolean => subject.journal().some((entry) => entry.event === "request" && entry.tool === tool);
    await until(isThere, "the call arrives");
    await row.during(subject);
  }
  const outcome = [await calling, effects(row, subject)].filter((part) => part !== undefined).join(", ");
  await client.close({ graceMs: 0 });
  return withSurvivors(outcome, subject);
}

function inWords(error: unknown): string {
  const { name, stderrTail = "" }: { readonly name?: unknown; readonly stderrTail?: unknown } = Object(error);
  if (name === "McpError") return "the server's error";
  return stderrTail === "" ? String(name) : `${name}, with stderr`;
}

/** What a call is to come to; undefined where the transport, or the era, cannot have the fault. */
export function expectedOf(row: Row, transport: TransportName, era: Era): string | undefined {
  const { modern = {} } = row;
  if (transport === "sse") return era === "legacy" ? row.sse : undefined;
  const name = transport === "stdio" ? "stdio" : "http";
  return (era === "legacy" || modern[name] === undefined ? row[name] : modern[name]) ?? undefined;
}
