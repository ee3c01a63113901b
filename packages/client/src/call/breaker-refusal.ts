import { ConnectError, type Delivery, ServerUnavailableError } from "../errors.js";
import { Failure } from "../session/failure.js";
import { lastWords, messageOf } from "../untrusted.js";

/** What is known of a refusal of the breaker. */
export interface BreakerRefusalDetails {
  readonly retryAfterMs: number;
  readonly delivery?: Delivery | undefined;
  /** Why the breaker is open, as far as the refused caller may know it: a failure, a deadline's reason. */
  readonly failure: unknown;
  /** What the breaker itself threw. */
  readonly cause?: unknown;
}

/** What a caller is told whom the breaker of a server lets not through: in the words of what had failed. */
export function breakerRefusal(server: string, details: BreakerRefusalDetails): ServerUnavailableError {
  const { retryAfterMs, delivery, failure, cause } = details;
  const refusal = "its circuit breaker lets no call through";
  if (failure === undefined) return new ServerUnavailableError(server, refusal, { retryAfterMs, delivery, cause });
  const error = asError(server, failure);
  const reason = `${refusal}. The last failure was: ${messageOf(error).replace(/\.$/, "")}`;
  return new ServerUnavailableError(server, reason, { retryAfterMs, delivery, cause: error });
}

/** A `Failure` never leaves the package. */
function asError(server: string, failure: unknown): unknown {
  if (!(failure instanceof Failure)) return failure;
  const { kind, message, stderrTail } = failure;
  if (kind === "connect") return new ConnectError(server, message, { stderrTail });
  return new Error(`${message}.${lastWords(stderrTail)}`);
}
