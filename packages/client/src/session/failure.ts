/** Whether a request can have reached the server. */
export type Delivery = "not-sent" | "sent";

/**
 * What went wrong with one request or connection attempt, told apart by signal, name, code, status and cause.
 *
 * - `rpc`: the server answered with a JSON-RPC error (`cause` is the SDK's error, to be rethrown as it is).
 * - `connect`: no connection could be opened.
 * - `session-lost`: the server no longer knows the session (HTTP 404).
 * - `closed`: the connection ended while the answer was awaited, or before the request was written.
 * - `http`: refused with `status` (and `retryAfterMs` where the server said so).
 * - `too-large`: a message over `maxMessageBytes`.
 * - `invalid-result`: an answer that is no valid result.
 */
export type FailureKind = "rpc" | "connect" | "session-lost" | "closed" | "http" | "too-large" | "invalid-result";

/** What is known of a {@link Failure} beside its kind. */
export interface FailureDetails {
  readonly delivery: Delivery;
  readonly cause?: unknown;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly stderrTail?: string | undefined;
}

/** The one form in which the lower half of the client reports what went wrong. Never leaves the package. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  /** `not-sent` also where the server refused it before running it: repeating it can do no harm. */
  readonly delivery: Delivery;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** Where a process could not be connected to: the end of what it wrote to stderr, masked. */
  readonly stderrTail: string;

  constructor(kind: FailureKind, message: string, details: FailureDetails) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.delivery = details.delivery;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.stderrTail = details.stderrTail ?? "";
  }

  /** The same failure as it looks from another place. */
  with(change: Partial<FailureDetails> & { readonly kind?: FailureKind; readonly message?: string }): Failure {
    const { kind, message, delivery, cause, status, retryAfterMs, stderrTail } = this;
    const details = { delivery, cause, status, retryAfterMs, stderrTail, ...change };
    return new Failure(change.kind ?? kind, change.message ?? message, details);
  }
}
