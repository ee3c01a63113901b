import {
  ConnectError,
  HttpError,
  MessageTooLargeError,
  OutcomeUnknownError,
  ServerUnavailableError,
  SessionLostError,
} from "../errors.js";
import type { Failure } from "../session/failure.js";

/** What is needed to tell a user of a failure. */
export interface FailedCall {
  readonly server: string;
  readonly what: string;
  readonly isSafe: boolean;
  readonly isStateful: boolean;
  readonly maxMessageBytes: number;
}

/** The error by which a user learns of a failure to which nothing more can be done. */
export function publicError(failure: Failure, call: FailedCall): unknown {
  const { server, what, isStateful } = call;
  const { delivery, cause, message } = failure;
  switch (failure.kind) {
    case "rpc":
      return cause;
    case "connect":
      return new ConnectError(server, message, { stderrTail: failure.stderrTail, cause });
    case "session-lost":
      return new SessionLostError(server, { delivery, cause });
    case "too-large":
      return new MessageTooLargeError(server, { maxMessageBytes: call.maxMessageBytes, delivery, cause });
    case "http":
      return httpError(failure, call);
    case "closed":
    case "invalid-result":
      if (isStateful) return new SessionLostError(server, { delivery, cause });
      if (delivery === "sent") return new OutcomeUnknownError(server, what, { cause: cause ?? failure });
      return new ConnectError(server, message, { cause });
  }
}

function httpError(
  { status = 0, retryAfterMs, delivery, cause }: Failure,
  { server, what, isSafe }: FailedCall,
): Error {
  // A gateway's word says nothing about whether the server behind it has run the call.
  if (!isSafe && delivery === "sent" && isGatewayStatus(status))
    return new OutcomeUnknownError(server, what, { cause });
  if (status !== 429 && status !== 503) return new HttpError(server, status, { delivery, cause });
  const reason = `it answered with HTTP status ${status}`;
  return new ServerUnavailableError(server, reason, { retryAfterMs: retryAfterMs ?? 0, delivery, cause });
}

/** Whether a status means that the answer was lost on its way. */
export function isGatewayStatus(status: number | undefined): boolean {
  return status === 502 || status === 503 || status === 504;
}
