import type { Call } from "../call.js";
import { ClientClosedError, OutcomeUnknownError, OverloadedError, ServerUnavailableError } from "../errors.js";
import { Failure } from "../session/failure.js";
import { breakerRefusal } from "./breaker-refusal.js";

/**
 * What an attempt failed with, as the end of a call that had failed before with `earlier`. A call whose answer was lost may
 * have run, whatever kept it from being sent again; and a refusal of the breaker keeps what the server had said.
 */
export function afterEarlier(error: unknown, earlier: Failure | undefined, { what, isSafe }: AskedCall): unknown {
  if (earlier === undefined) return error;
  const { delivery } = earlier;
  if (error instanceof ServerUnavailableError)
    return breakerRefusal(error.server, { retryAfterMs: error.retryAfterMs, delivery, failure: earlier });
  if (delivery === "not-sent") return error;
  if (error instanceof Failure) return error.delivery === "sent" ? error : error.with({ delivery });
  if (error instanceof ClientClosedError) return new ClientClosedError(error.server, { delivery, cause: error.cause });
  if (error instanceof OverloadedError)
    return new OutcomeUnknownError(error.server, what, { reason: error.message, isSafe, cause: error });
  return error;
}

type AskedCall = Pick<Call, "what" | "isSafe">;
