import { AuthorizationError } from "../authorization-error.js";
import {
  ConnectError,
  HttpError,
  MessageTooLargeError,
  OutcomeUnknownError,
  ServerUnavailableError,
  SessionLostError,
} from "../errors.js";
import { Failure, isUnauthorized } from "../session/failure.js";
import type { Secrets } from "../session/redact.js";
import { lastWords, messageOf } from "../untrusted.js";
import { isAnswerLost } from "./resend.js";

/** What is needed to tell a user of a failure. */
export interface FailedCall {
  readonly server: string;
  readonly what: string;
  readonly isSafe: boolean;
  readonly isStateful: boolean;
  readonly maxMessageBytes: number;
  readonly secrets: Secrets;
}

/** What a user is told of whatever a call ended with, without secrets. */
export function toldError(error: unknown, call: FailedCall): unknown {
  return call.secrets.maskOwn(error instanceof Failure ? publicError(error, call) : error);
}

/** The error by which a user learns of a failure to which nothing more can be done. It keeps the server's own words. */
export function publicError(failure: Failure, call: FailedCall): unknown {
  const { server, what, isSafe, isStateful } = call;
  const { delivery, message, stderrTail } = failure;
  const reason = stderrTail === "" ? message : `${message}.${lastWords(stderrTail)}`;
  const cause = causeOf(failure);
  switch (failure.kind) {
    case "rpc":
      return failure.isOpening ? unlessSent(failure.cause, failure, call) : failure.cause;
    case "connect":
      return unlessSent(new ConnectError(server, message, { stderrTail, cause }), failure, call);
    case "session-lost":
      if (!isStateful && failure.refusal !== undefined) return publicError(failure.refusal.with({ delivery }), call);
      return new SessionLostError(server, { delivery, status: failure.status, reason: message, cause });
    case "too-large":
      return new MessageTooLargeError(server, { maxMessageBytes: call.maxMessageBytes, delivery, cause }, message);
    case "application":
      return new AuthorizationError(
        server,
        withCause(message, failure.cause),
        authorizationDetails(failure, call, failure.cause),
      );
    case "http":
      return httpError(failure, call);
    case "closed":
    case "invalid-result":
      if (isStateful && failure.endsConnection) return new SessionLostError(server, { delivery, reason, cause });
      if (delivery === "sent") return new OutcomeUnknownError(server, what, { reason, isSafe, cause });
      return new ConnectError(server, message, { stderrTail, cause });
  }
}

/** The error, unless the call had been sent before and its answer lost: then that is what its caller has to know. */
function unlessSent(error: unknown, { delivery, message }: Failure, { server, what, isSafe }: FailedCall): unknown {
  if (delivery === "not-sent") return error;
  const reason = `it could not be sent again, since no connection can be opened: ${message}`;
  return new OutcomeUnknownError(server, what, { reason, isSafe, cause: error });
}

function httpError(failure: Failure, call: FailedCall): Error {
  const { server, what, isSafe } = call;
  const { status = 0, retryAfterMs, delivery, message } = failure;
  const cause = causeOf(failure);
  // A gateway's word says nothing about whether the server behind it has run the call.
  if (!isSafe && delivery === "sent" && isAnswerLost(status))
    return new OutcomeUnknownError(server, what, { reason: message, isSafe, cause });
  if (isUnauthorized(status))
    return new AuthorizationError(server, message, authorizationDetails(failure, call, cause));
  if (status !== 429 && status !== 503) return new HttpError(server, status, { delivery, reason: message, cause });
  return new ServerUnavailableError(server, message, { retryAfterMs: retryAfterMs ?? 0, delivery, status, cause });
}

function withCause(message: string, cause: unknown): string {
  return cause === undefined ? message : `${message}: ${messageOf(cause)}`;
}

function authorizationDetails(
  { delivery, status, challenge }: Failure,
  { secrets }: FailedCall,
  cause: unknown,
): ConstructorParameters<typeof AuthorizationError>[2] {
  const clean = (text: string | undefined): string | undefined => text && secrets.clean(text);
  return { delivery, status, scope: clean(challenge?.scope), challenge: clean(challenge?.text), cause };
}

/** What a user sees as cause: an error that says what the server said. */
function causeOf({ message, cause }: Failure): Error {
  return cause instanceof Error && cause.message === message ? cause : new Error(message, { cause });
}
