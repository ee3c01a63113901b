import type { Call } from "../call.js";
import type { Policy } from "../config/policy.js";
import { ServerUnavailableError } from "../errors.js";
import { Failure } from "../session/failure.js";

// The one place where it is decided whether a call that failed may be sent again, here or elsewhere. Below it only what was
// refused before it ran is sent again: for want of a login (auth/authorized-send), for wrong headers of a tool
// (session/era/modern), and by a redirect that keeps the request as it is (session/http/http-sockets).

/**
 * Whether and how a call may be sent again in place.
 *
 * - `repair`: its session or connection was lost. It is sent again at once, and that is not charged to the retry budget.
 * - `retry`: after a pause, within the attempts and the budget.
 * - `never`: it may have run, or would only fail again.
 */
export type Resend = "repair" | "retry" | "never";

type Sent = Pick<Call, "isSafe">;

/**
 * May a call that failed be sent again, here? What was not sent may; what was sent and whose answer was lost may where
 * running it twice does no harm. Where a stateful server's connection was lost, its state was: nothing is sent again.
 */
export function resendOf(
  failure: Failure,
  call: Sent,
  { stateful, retry }: Pick<Policy, "stateful" | "retry">,
): Resend {
  const mayRun = failure.delivery === "not-sent" || call.isSafe;
  const isOff = retry.maxAttempts === 1;
  switch (failure.kind) {
    case "rpc":
    case "too-large":
    case "application":
      return "never";
    case "connect":
      return "retry";
    case "session-lost":
      if (stateful || !mayRun) return "never";
      return isOff && failure.delivery === "sent" ? "never" : "repair";
    case "closed":
      if ((stateful && failure.endsConnection) || !mayRun) return "never";
      // Without retries only a connection found dead is replaced, and nothing goes twice over the same one.
      return isOff && !(failure.delivery === "not-sent" && failure.endsConnection) ? "never" : "repair";
    case "invalid-result":
      return mayRun ? "retry" : "never";
    case "http":
      return httpResend(failure, call);
  }
}

function httpResend({ status, delivery, retryAfterMs, isOpening }: Failure, { isSafe }: Sent): Resend {
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) return "retry";
  if (isOpening) return isAnswerLost(status) ? "retry" : "never";
  if (!isAnswerLost(status) || !(isSafe || delivery === "not-sent")) return "never";
  // A gateway that lost its connection to the server: another one may be behind it by now.
  return status === 502 ? "repair" : "retry";
}

/** May a call go to another replica after `error`? Where nothing was sent, or running it twice does no harm. */
export function mayMove(error: unknown, call: Sent): boolean {
  if (error instanceof ServerUnavailableError) return true;
  if (!(error instanceof Failure) || error.kind === "application") return false;
  if (!error.isOpening && (error.kind === "rpc" || error.kind === "too-large")) return false;
  return error.delivery === "not-sent" || call.isSafe;
}

/** Whether a status means that the request may have run, whatever became of the answer. */
export function isAnswerLost(status: number | undefined): boolean {
  return status === 408 || (status !== undefined && status >= 500);
}
