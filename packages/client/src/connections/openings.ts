import type { Blame } from "../deadline.js";
import { ConnectError } from "../errors.js";
import type { Connection } from "../session/connection.js";
import type { Failure } from "../session/failure.js";
import type { Attempt } from "../session/open-connection.js";

/** Told of the connections of a server, for its status and its health. */
export interface ConnectionFigures {
  opened(connection: Connection, replica: number, durationMs: number): void;
  closed(connection: Connection, reason: string): void;
  /** A connection could not be opened because of `cause`; a user is told `error`. */
  connectFailed(error: unknown, cause: unknown): void;
  /** Something went wrong that an operator wants to see. */
  noteError(error: unknown): void;
}

/** One connection that is being opened. */
export interface Opening {
  /** How it fares, once it has begun to. */
  attempt: Attempt | undefined;
}

/** What is being opened under each key, and why the last attempt failed: what those are told who wait in vain. */
export class Openings {
  readonly #server: string;
  readonly #underWay = new Map<string, Set<Opening>>();
  /** Since when the keys had no connection and one was being opened, and until when. */
  readonly #withoutAny = new Map<string, { readonly since: number; readonly until: number }>();
  /** Until one succeeds. */
  readonly #failed = new Map<string, Failure>();

  constructor(server: string) {
    this.#server = server;
  }

  /** `isFirst` where none is open, so that whoever waits under the key waits for it. */
  begin(key: string, isFirst: boolean): Opening {
    const opening: Opening = { attempt: undefined };
    const all = this.#underWay.get(key) ?? new Set();
    this.#underWay.set(key, all.add(opening));
    if (isFirst && this.#withoutAny.get(key)?.until !== Number.POSITIVE_INFINITY)
      this.#withoutAny.set(key, { since: performance.now(), until: Number.POSITIVE_INFINITY });
    return opening;
  }

  /** It has failed, or is open. */
  end(key: string, opening: Opening, failure: Failure | undefined): void {
    const all = this.#underWay.get(key);
    all?.delete(opening);
    if (all?.size === 0) this.#underWay.delete(key);
    const { since, until } = this.#withoutAny.get(key) ?? {};
    if (failure === undefined && since !== undefined && until === Number.POSITIVE_INFINITY)
      this.#withoutAny.set(key, { since, until: performance.now() });
    if (failure === undefined) this.#failed.delete(key);
    else this.#failed.set(key, failure);
  }

  /** For how many milliseconds whoever waits under a key since `begin` has waited for the first connection to be opened. */
  waitedMs(key: string, begin: number): number {
    const { since, until } = this.#withoutAny.get(key) ?? { since: 0, until: 0 };
    return Math.max(0, Math.min(until, performance.now()) - Math.max(since, begin));
  }

  forget(key: string): void {
    this.#withoutAny.delete(key);
    this.#failed.delete(key);
  }

  /** Whether what is being opened waits for the server. */
  isAwaitingServer(key: string): boolean {
    return [...(this.#underWay.get(key) ?? [])].some(({ attempt }) => attempt?.awaitsServer() ?? true);
  }

  /** What those have to say whose time ends while they wait for a connection. */
  blame(key: string): Blame {
    const [opening] = this.#underWay.get(key) ?? [];
    const failure = this.#failed.get(key);
    const before = failure === undefined ? undefined : this.asError(failure);
    if (opening === undefined) return { cause: before };
    const stderrTail = opening.attempt?.stderrTail() || failure?.stderrTail;
    return { cause: new ConnectError(this.#server, "it was still being opened", { stderrTail, cause: before }) };
  }

  /** A failure that no call is told of, as an error that an operator can read. */
  asError({ message, stderrTail, cause }: Failure): ConnectError {
    return new ConnectError(this.#server, message, { stderrTail, cause });
  }
}
