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

/** The one form in which the lower half of the client reports what went wrong. Never leaves the package. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  readonly delivery: Delivery;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    details: {
      readonly delivery: Delivery;
      readonly cause?: unknown;
      readonly status?: number | undefined;
      readonly retryAfterMs?: number | undefined;
    },
  ) {
    super(message, { cause: details.cause });
    this.kind = kind;
    this.delivery = details.delivery;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
  }
}
