import type { DeadlineEnd } from "../deadline.js";
import { Failure, isUnauthorized } from "../session/failure.js";

/**
 * What the end of an attempt says of the server, for its breaker and for its health: that it lives, that it does not
 * work, or nothing.
 */
export type ServerVerdict = "alive" | "failing" | "nothing";

/** How an attempt ended. */
export interface AttemptEnd {
  /** What it rejected with; undefined for an answer. */
  readonly error: unknown;
  /** What ended the call's deadline; undefined while it runs. */
  readonly deadlineEnd: DeadlineEnd | undefined;
  /** Whether the attempt waited for the server: for a connection that was being opened, or for the answer. */
  readonly awaitedServer: boolean;
}

/**
 * The verdict on the server, not on the tool. An answer of any kind proves life. A lost connection, a 5xx, a connection that
 * cannot be opened and a deadline that ended while connecting or awaiting the answer are failures. Refusals of the request,
 * aborts, failures of the application's own code and time lost in the client's own queue say nothing.
 */
export function serverVerdict({ error, deadlineEnd, awaitedServer }: AttemptEnd): ServerVerdict {
  if (error === undefined) return "alive";
  if (deadlineEnd === "timeout") return awaitedServer ? "failing" : "nothing";
  if (deadlineEnd !== undefined || !(error instanceof Failure)) return "nothing";
  return verdictOf(error);
}

function verdictOf(failure: Failure): ServerVerdict {
  const { kind, isOpening, status = 0, refusal } = failure;
  if (kind === "application") return "nothing";
  // A handshake that is refused or answered by an error is a failed connect, unless it is a matter of credentials.
  if (isOpening) return isUnauthorized(status) ? "nothing" : "failing";
  switch (kind) {
    case "connect":
    case "closed":
      return "failing";
    case "http":
      return status >= 500 ? "failing" : "nothing";
    case "session-lost":
      return refusal !== undefined && verdictOf(refusal) === "failing" ? "failing" : "nothing";
    case "rpc":
    case "invalid-result":
    case "too-large":
      return "alive";
  }
}

/**
 * Whether the failure of an attempt is a symptom of something that happens to many attempts at once: a process that ends, a
 * replica that is killed behind a balancer, a session that is forgotten, a server that cannot be reached. Whatever one of these is, it counts once.
 */
export function isShared(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  const { kind, isOpening } = error;
  const isLoss = kind === "session-lost" || kind === "connect" || kind === "closed";
  return isOpening || isLoss || isGatewayFailure(error);
}

/** Whether a gateway says that it had no answer from the server behind it. */
export function isGatewayFailure({ kind, status }: Failure): boolean {
  return kind === "http" && (status === 502 || status === 503 || status === 504);
}
