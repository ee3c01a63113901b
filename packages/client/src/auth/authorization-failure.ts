import { Failure } from "../session/failure.js";
import type { Challenge } from "../session/http/challenge.js";
import type { Secrets } from "../session/redact.js";

/** The user has to log in before the request can be sent. */
export function needsLogin(challenge: Challenge): Failure {
  const { status } = challenge;
  const why = status === 403 ? "the user has to grant more scopes" : "the user has to log in";
  return new Failure("application", `${why}, and finishAuth() has to be called with what comes of it`, {
    delivery: "not-sent",
    status,
    challenge,
  });
}

/** What the application gave, or the authorization server that it leads to, does not work. */
export function applicationFailure(what: string, error: unknown, secrets: Secrets, challenge?: Challenge): Failure {
  if (error instanceof Failure) return error;
  return new Failure("application", what, {
    delivery: "not-sent",
    cause: withoutSecrets(error, secrets),
    ...(challenge !== undefined && { challenge, status: challenge.status }),
  });
}

/** The error itself, where it has no secret to hide. */
function withoutSecrets(error: unknown, secrets: Secrets): unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? secrets.mask(error) : error;
  const text = `${error.message}\n${error.stack}\n${String(error.cause)}`;
  return secrets.mask(text) === text && error.cause === undefined ? error : secrets.maskError(error);
}
