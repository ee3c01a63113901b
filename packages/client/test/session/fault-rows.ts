import { kill, killAndWait, type Scenario, type Subject, type TransportName } from "./fault-runner.js";
import { until } from "./support.js";

export interface Row extends Scenario {
  readonly when: string;
  /** Undefined where the transport cannot have the fault. Both forms of HTTP replies fare alike. */
  readonly stdio?: string;
  readonly http?: string;
  readonly sse?: string;
}

const calls = { only: "calls" } as const;
const lost = "outcome unknown, not run";
const lostOnce = "outcome unknown, run once";

function everywhere(outcome: string): Pick<Row, "stdio" | "http" | "sse"> {
  return { stdio: outcome, http: outcome, sse: outcome };
}

function killWrapper(subject: Subject): void {
  const spawned = subject.journal().find((entry) => entry.event === "spawn");
  if (spawned?.event === "spawn") process.kill(spawned.ppid, "SIGKILL");
}

/** What one connection makes of every fault; what becomes of a call then is tabled in `../fault-table.test.ts`. */
export const rows: readonly Row[] = [
  { when: "nothing is wrong", ...everywhere("answered, run once") },
  { when: "it starts slowly", start: { startDelayMs: 300 }, ...everywhere("answered, run once") },
  { when: "it fails to start", start: { failStart: "no key" }, stdio: "ConnectError, with stderr" },
  {
    when: "it never answers `initialize`",
    start: { hangInitialize: true },
    connectTimeoutMs: 1_500,
    ...everywhere("ConnectError"),
  },
  {
    when: "it crashes before the side effect",
    ownProcess: true,
    call: ["crash", { when: "before", key: "once" }],
    ...{ stdio: `${lost}, new connection`, http: lost, sse: `${lost}, new connection` },
  },
  {
    when: "it crashes after the side effect",
    ownProcess: true,
    call: ["crash", { when: "after", key: "once" }],
    ...{ stdio: `${lostOnce}, new connection`, http: lostOnce, sse: `${lostOnce}, new connection` },
  },
  {
    when: "it is killed during a call",
    ownProcess: true,
    call: ["hang"],
    during: kill,
    ...{ stdio: "outcome unknown, new connection", http: "outcome unknown", sse: "outcome unknown, new connection" },
  },
  {
    when: "it is killed before a call",
    ownProcess: true,
    before: killAndWait,
    ...{
      stdio: "sent again, not run, new connection",
      http: "sent again, not run",
      sse: "sent again, not run, new connection",
    },
  },
  {
    when: "only its `npx` is killed",
    start: { wrapper: "sh", grandchild: true },
    call: ["hang"],
    during: killWrapper,
    stdio: "outcome unknown, new connection",
  },
  {
    when: "it exits while idle",
    start: { exitWhileIdleMs: 300 },
    before: (_subject, opened) => until(() => opened.deaths.length > 0, "it dies"),
    stdio: "sent again, not run, new connection",
  },
  { when: "it never answers the call", set: { hangCalls: true }, deadlineMs: 400, ...everywhere("timeout, not run") },
  {
    when: "it answers nothing any more",
    set: { hangEverything: true },
    deadlineMs: 400,
    ...everywhere("timeout, not run"),
  },
  {
    when: "it is frozen",
    ownProcess: true,
    before: (subject) => void process.kill(subject.pid(), "SIGSTOP"),
    deadlineMs: 400,
    ...everywhere("timeout, not run"),
  },
  { when: "it computes forever", start: { busy: true }, call: ["hang"], deadlineMs: 400, stdio: "timeout" },
  { when: "it ignores the end of its input", start: { ignoreEof: true }, stdio: "answered, run once" },
  {
    when: "it and its children ignore SIGTERM too",
    start: { ignoreEof: true, ignoreTerm: true, grandchild: true, grandchildInherit: true, grandchildSession: true },
    stdio: "answered, run once",
  },
  {
    when: "it runs behind `npx`, with children",
    start: { wrapper: "node", grandchild: true, grandchildSession: true },
    stdio: "answered, run once",
  },
  { when: "it prints noise on stdout", start: { noise: 20 }, stdio: "answered, run once" },
  { when: "it floods stderr", start: { stderrFlood: 1_000_000 }, stdio: "answered, run once" },
  { when: "it writes byte by byte", start: { chunkBytes: 1 }, ...everywhere("answered, run once") },
  {
    when: "its answer is too large",
    call: ["big", { bytes: 300_000 }],
    maxMessageBytes: 100_000,
    ...{ stdio: "MessageTooLargeError", http: "MessageTooLargeError", sse: "MessageTooLargeError, new connection" },
  },
  {
    when: "it answers with a JSON-RPC error",
    call: ["rpcError", { code: -32_050 }],
    ...everywhere("the server's error"),
  },
  { when: "the tool fails (`isError`)", call: ["fail"], ...everywhere("answered") },
  {
    when: "it refuses with 400",
    set: { ...calls, status: 400 },
    http: "HttpError, not run",
    sse: "HttpError, not run",
  },
  {
    when: "it refuses with 401",
    set: { ...calls, status: 401 },
    http: "HttpError, not run",
    sse: "HttpError, not run",
  },
  {
    when: "it refuses with 403",
    set: { ...calls, status: 403 },
    http: "HttpError, not run",
    sse: "HttpError, not run",
  },
  {
    when: "it refuses with 429",
    set: { ...calls, status: 429 },
    http: "sent again, not run",
    sse: "sent again, not run",
  },
  {
    when: "it refuses with 503 and Retry-After: 2",
    set: { ...calls, status: 503, retryAfter: "2" },
    http: "sent again, after 2 s, not run",
    sse: "sent again, after 2 s, not run",
  },
  { when: "it fails with 408", set: { ...calls, status: 408 }, http: lost, sse: lost },
  { when: "it fails with 500", set: { ...calls, status: 500 }, http: lost, sse: lost },
  { when: "it fails with 502", set: { ...calls, status: 502 }, http: lost, sse: lost },
  { when: "it fails with 503", set: { ...calls, status: 503 }, http: lost, sse: lost },
  {
    when: "it fails with 504 after the side effect",
    set: { ...calls, status: 504, when: "after" },
    http: lostOnce,
    sse: lostOnce,
  },
  { when: "it resets the socket", set: { ...calls, resetSocket: true }, http: lost, sse: lost },
  {
    when: "it resets the socket after the side effect",
    set: { ...calls, resetSocket: true, when: "after" },
    http: lostOnce,
    sse: lostOnce,
  },
  {
    when: "the stream ends without the answer",
    set: { ...calls, endStream: true, when: "after" },
    http: lostOnce,
    sse: `${lostOnce}, new connection`,
  },
  {
    when: "the stream stays open without the answer",
    set: { ...calls, holdStream: true, when: "after" },
    deadlineMs: 400,
    http: "timeout, run once",
    sse: "timeout, run once",
  },
  {
    when: "it forgets the session (404)",
    before: (subject) => subject.act("forgetSessions"),
    http: "sent again, not run, new connection",
    sse: "sent again, not run, new connection",
  },
  {
    when: "every socket breaks during a call",
    call: ["hang"],
    during: (subject) => subject.act("dropConnections"),
    http: "outcome unknown",
    sse: "outcome unknown, new connection",
  },
  {
    when: "its standing stream ends",
    call: ["slow", { ms: 300 }],
    during: (subject) => subject.act("dropStreams"),
    http: "answered",
    sse: "outcome unknown, new connection",
  },
  { when: "it has no standing stream", start: { noGetStream: true }, http: "answered, run once" },
];

/** What a row says of a transport; undefined where that cannot have the fault. */
export function expectedOf(row: Row, transport: TransportName): string | undefined {
  return transport === "stdio" ? row.stdio : transport === "sse" ? row.sse : row.http;
}
