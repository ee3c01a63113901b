import {
  type ChaosServer,
  type FaultSettings,
  type JournalEntry,
  spawnChaosServer,
  startChaosServer,
} from "@minion/chaos";
import { onTestFinished } from "vitest";
import { Failure } from "../../src/session/failure.js";
import { isConnectFailure } from "../../src/session/http/status-failure.js";
import type { OpenConnectionOptions } from "../../src/session/open-connection.js";
import { chaosStdio, type Opened, open, survivors, until } from "./support.js";

export const transports = ["stdio", "http, JSON replies", "http, SSE replies", "sse"] as const;
export type TransportName = (typeof transports)[number];

/** The revisions with a handshake, and 2026-07-28. */
export const eras = ["legacy", "modern"] as const;
export type Era = (typeof eras)[number];

/** A chaos server, wherever it runs. */
export interface Subject {
  readonly target: OpenConnectionOptions["target"];
  journal(): readonly JournalEntry[];
  /** The process that serves. */
  pid(): number;
  set(faults: FaultSettings): Promise<void>;
  act(
    action: "forgetSessions" | "dropConnections" | "dropStreams" | "listChanged" | "exit",
    count?: number,
  ): Promise<void>;
}

/** What is done to a server, and how one call fares. */
export interface Scenario {
  /** Faults from the start. */
  readonly start?: FaultSettings;
  /** Faults from when the connection is open. */
  readonly set?: FaultSettings;
  /** The call; one side effect by default. */
  readonly call?: readonly [tool: string, args?: Record<string, unknown>];
  /** Done when the connection is open, before the call. */
  readonly before?: (subject: Subject, opened: Opened) => Promise<void> | void;
  /** Done when the server has got the call. */
  readonly during?: (subject: Subject, opened: Opened) => Promise<void> | void;
  /** Whether the server needs a process of its own. */
  readonly ownProcess?: boolean;
  /** Milliseconds until the caller gives up. */
  readonly deadlineMs?: number;
  readonly connectTimeoutMs?: number;
  readonly maxMessageBytes?: number;
}

/**
 * In words, what became of a scenario: of the call, how often its side effect happened, and of the connection. The
 * words are those of the README; each stands for one kind and delivery of failure.
 */
export async function run(scenario: Scenario, transport: TransportName): Promise<string> {
  const subject = await subjectOf(scenario, transport);
  const { connectTimeoutMs = 30_000, maxMessageBytes = 67_108_864 } = scenario;
  let opened: Opened;
  try {
    opened = await open(subject.target, { connectTimeoutMs, maxMessageBytes });
  } catch (error) {
    return withSurvivors(inWords(error), subject);
  }
  if (scenario.set !== undefined) await subject.set(scenario.set);
  await scenario.before?.(subject, opened);
  const outcome = await call(scenario, subject, opened);
  if (outcome !== "answered") await turns();
  const parts = [outcome, effects(scenario, subject), opened.deaths.length > 0 ? "new connection" : undefined];
  if (opened.deaths.length > 1) parts.push("DIED TWICE");
  await opened.connection.close();
  return withSurvivors(parts.filter((part) => part !== undefined).join(", "), subject);
}

async function call(scenario: Scenario, subject: Subject, opened: Opened): Promise<string> {
  const [tool, args] = scenario.call ?? ["sideEffect", { key: "once" }];
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(deadline), scenario.deadlineMs ?? 30_000);
  const calling = opened.call(tool, args, { signal: deadline.signal }).then(
    () => "answered",
    (error: unknown) => (error === deadline ? "timeout" : inWords(error)),
  );
  if (scenario.during !== undefined) {
    await until(
      () => subject.journal().some((entry) => entry.event === "request" && entry.tool === tool),
      "the call arrives",
    );
    await scenario.during(subject, opened);
  }
  return calling.finally(() => clearTimeout(timer));
}

/** How often the side effect of the call happened. */
export function effects(scenario: Pick<Scenario, "call">, subject: Subject): string | undefined {
  if (scenario.call !== undefined && scenario.call[0] !== "crash") return undefined;
  const count = subject.journal().filter((entry) => entry.event === "sideEffect").length;
  return count === 0 ? "not run" : count === 1 ? "run once" : `RUN ${count} TIMES`;
}

/** The outcome, and how many processes of the server are left. */
export function withSurvivors(outcome: string, subject: Subject): string {
  if (!("command" in subject.target)) return outcome;
  const left = survivors(subject.journal()).length;
  return left === 0 ? outcome : `${outcome}, ${left} PROCESSES LEFT`;
}

/** Long enough for whatever is already on its way inside this process. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 5));
}

function inWords(error: unknown): string {
  if (!(error instanceof Failure)) return `UNTYPED ${String(error)}`;
  const { kind, delivery, status = 0, retryAfterMs } = error;
  const after = retryAfterMs === undefined ? "" : `, after ${retryAfterMs / 1_000} s`;
  switch (kind) {
    case "closed":
      return delivery === "sent" ? "outcome unknown" : "sent again";
    case "http":
      if (delivery === "sent") return "outcome unknown";
      return status === 429 || status === 503 ? `sent again${after}` : "HttpError";
    case "connect":
      return error.stderrTail === "" ? "ConnectError" : "ConnectError, with stderr";
    case "session-lost":
      return `sent again${delivery === "sent" ? " ALTHOUGH SENT" : ""}`;
    case "rpc":
      return "the server's error";
    case "too-large":
      return "MessageTooLargeError";
    case "invalid-result":
      return "invalid result";
    case "application":
      return "AuthorizationError";
  }
}

/** The server of a scenario, however it is reached. */
export async function subjectOf(
  scenario: Pick<Scenario, "start" | "ownProcess">,
  transport: TransportName,
  era: Era = "legacy",
): Promise<Subject> {
  if (transport === "stdio") return stdioSubject(scenario, era);
  const faults: FaultSettings = { ...scenario.start, reply: transport === "http, SSE replies" ? "sse" : "json" };
  return scenario.ownProcess === true ? processSubject(faults, transport, era) : serverSubject(faults, transport, era);
}

function stdioSubject(scenario: Pick<Scenario, "start">, protocol: Era): Subject {
  const { target, journal } = chaosStdio({ protocol, faults: { ...scenario.start }, controlPort: 0 });
  const control = async (order: object): Promise<void> => {
    await until(() => journal().some((entry) => entry.event === "control"), "a control endpoint");
    const entry = journal().find((one) => one.event === "control");
    const url = entry?.event === "control" ? entry.url : "";
    await fetch(url, { method: "POST", body: JSON.stringify(order), headers: { "content-type": "application/json" } });
  };
  return {
    target,
    journal,
    pid: () => journal().find((entry) => entry.event === "control")?.pid ?? 0,
    set: (set) => control({ set }),
    act: (action, count) => control({ action, count }),
  };
}

async function processSubject(faults: FaultSettings, transport: TransportName, protocol: Era): Promise<Subject> {
  const server = await spawnChaosServer({ protocol, faults });
  onTestFinished(() => server.close());
  return {
    target: transport === "sse" ? { type: "sse", url: server.sseUrl } : { url: server.url },
    journal: () => server.journal(),
    pid: () => server.pid,
    set: (set) => server.control({ set }),
    act: (action, count) => server.control({ action, count }),
  };
}

async function serverSubject(faults: FaultSettings, transport: TransportName, protocol: Era): Promise<Subject> {
  const server = await startChaosServer({ protocol, faults });
  onTestFinished(() => server.close());
  return {
    target: transport === "sse" ? { type: "sse", url: server.sseUrl } : { url: server.url },
    journal: () => server.journal(),
    pid: () => process.pid,
    set: async (set) => server.set(set),
    act: async (action, count) => act(server, action, count),
  };
}

/** Kills the process that serves. */
export function kill(subject: Subject): void {
  process.kill(subject.pid(), "SIGKILL");
}

/** Kills the process that serves and waits until that shows. */
export async function killAndWait(subject: Subject, opened: Opened): Promise<void> {
  const { target } = subject;
  kill(subject);
  if (!("url" in target) || target.type === "sse") return until(() => opened.deaths.length > 0, "its death is noticed");
  let refused = false;
  while (!refused) refused = await fetch(target.url).then(() => false, isConnectFailure);
  await turns();
}

function act(
  server: ChaosServer,
  action: "forgetSessions" | "dropConnections" | "dropStreams" | "listChanged" | "exit",
  count = 1,
): void {
  if (action === "listChanged") server.listChanged(count);
  else if (action !== "exit") server[action]();
}
