import type { Delivery } from "../errors.js";
import type { Challenge } from "./http/challenge.js";

/**
 * What went wrong with one request or connection attempt, told apart by signal, name, code, status and cause.
 *
 * - `rpc`: the server answered with a JSON-RPC error (`cause` is the SDK's error, to be rethrown as it is).
 * - `connect`: no connection could be opened.
 * - `session-lost`: the server no longer knows the session.
 * - `closed`: the connection ended while the answer was awaited, or before the request was written.
 * - `http`: refused with `status` (and `retryAfterMs` where the server said so).
 * - `too-large`: a message over `maxMessageBytes`.
 * - `invalid-result`: a JSON-RPC answer that is not a valid result.
 * - `application`: the application has to do something first: log its user in, or mend code of its own that failed
 *   (`headers()`, `authProvider`, the authorization server that it leads to).
 */
export type FailureKind =
  | "rpc"
  | "connect"
  | "session-lost"
  | "closed"
  | "http"
  | "too-large"
  | "invalid-result"
  | "application";

/** What is known of a {@link Failure} beside its kind. */
export interface FailureDetails {
  readonly delivery: Delivery;
  readonly cause?: unknown;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** Whether the server refused without a JSON-RPC message, so that something else than MCP may have refused. */
  readonly isPlain?: boolean | undefined;
  /** What the server asks for that refuses for want of authorization. */
  readonly challenge?: Challenge | undefined;
  readonly stderrTail?: string | undefined;
  /** Whether it may mean that the server has forgotten the session, which a ping has to show. */
  readonly doubtsSession?: boolean | undefined;
  /** Whether it is about a connection that was being opened. */
  readonly isOpening?: boolean | undefined;
  /** Whether the connection is of no use any more, so that whatever is sent next goes over another one. */
  readonly endsConnection?: boolean | undefined;
  /** Where a session turned out to be lost by a refusal: that refusal. */
  readonly refusal?: Failure | undefined;
}

/** The one form in which the lower half of the client reports what went wrong. Never leaves the package. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  /** `not-sent` also where the server refused it before running it: repeating it can do no harm. */
  readonly delivery: Delivery;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly isPlain: boolean;
  readonly challenge: Challenge | undefined;
  /** Where a process could not be connected to: the end of what it wrote to stderr, masked. */
  readonly stderrTail: string;
  readonly doubtsSession: boolean;
  readonly isOpening: boolean;
  readonly endsConnection: boolean;
  readonly refusal: Failure | undefined;

  constructor(kind: FailureKind, message: string, details: FailureDetails) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.delivery = details.delivery;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.isPlain = details.isPlain ?? false;
    this.challenge = details.challenge;
    this.stderrTail = details.stderrTail ?? "";
    this.doubtsSession = details.doubtsSession ?? false;
    this.isOpening = details.isOpening ?? false;
    this.endsConnection = details.endsConnection ?? false;
    this.refusal = details.refusal;
  }

  /** The same failure as it looks from another place. */
  with(change: Partial<FailureDetails> & { readonly kind?: FailureKind; readonly message?: string }): Failure {
    const { kind, message, delivery, cause, status, retryAfterMs, challenge, stderrTail } = this;
    const { doubtsSession, isOpening, isPlain, endsConnection, refusal } = this;
    const known = { delivery, cause, status, retryAfterMs, challenge, stderrTail };
    const details = { ...known, doubtsSession, isOpening, isPlain, endsConnection, refusal, ...change };
    return new Failure(change.kind ?? kind, change.message ?? message, details);
  }
}

/** Whether a status asks for other credentials. */
export function isUnauthorized(status: number | undefined): boolean {
  return status === 401 || status === 403;
}
