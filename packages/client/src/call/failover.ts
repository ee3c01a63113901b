import type { Call } from "../call.js";
import { ServerUnavailableError } from "../errors.js";
import { Failure } from "../session/failure.js";
import { afterEarlier } from "./after-earlier.js";
import type { Replica } from "./replica.js";
import { mayMove } from "./resend.js";

/**
 * Sends a call to the first replica that takes it, in their order. One that its breaker keeps away is skipped; after a
 * failure the next one is tried where the call has not been sent or is safe to repeat.
 */
export async function sendToReplicas(call: Call, replicas: readonly Replica[]): Promise<unknown> {
  let refusal: ServerUnavailableError | undefined;
  let failure: Failure | undefined;
  for (const replica of replicas) {
    try {
      return await replica.send(call);
    } catch (thrown) {
      const error = afterEarlier(thrown, failure, call);
      if (!mayMove(thrown, call)) throw error;
      if (error instanceof Failure) failure = error;
      if (!(error instanceof ServerUnavailableError)) continue;
      if (refusal === undefined || error.retryAfterMs < refusal.retryAfterMs) refusal = error;
    }
  }
  // A failure can be retried and a breaker's refusal cannot, so the failure is thrown where there was one.
  throw failure ?? refusal;
}

/** What `take` gets of the first replica from which it gets anything; those that are being left alone come last. */
export async function fromFirst<T>(replicas: readonly Replica[], take: (replica: Replica) => Promise<T>): Promise<T> {
  let failure: unknown;
  for (const replica of byAvailability(replicas)) {
    try {
      return await take(replica);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** The replica of that number alone, or all of them where none is given. Throws `RangeError` where there is no such replica. */
export function chosen(replicas: readonly Replica[], number: number | undefined): readonly Replica[] {
  if (number === undefined) return replicas;
  const found = replicas.filter(({ index }) => index === number);
  if (found.length > 0) return found;
  throw new RangeError(
    `There is no replica ${number} of this server: they have the numbers 0 to ${replicas.length - 1}`,
  );
}

/** The replica that is asked first. */
export function mostAvailable(replicas: readonly Replica[]): Replica {
  return replicas.reduce((best, one) => (one.retryAfterMs < best.retryAfterMs ? one : best));
}

/** The replicas in their order, those last that are being left alone. */
function byAvailability(replicas: readonly Replica[]): readonly Replica[] {
  return [...replicas].sort((a, b) => a.retryAfterMs - b.retryAfterMs);
}
