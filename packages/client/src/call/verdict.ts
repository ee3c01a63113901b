import type { Call } from "../call.js";
import type { Breaker } from "../interfaces.js";
import { Failure } from "../session/failure.js";

type Permit = ReturnType<Breaker["admit"]>;

/**
 * Tells the breaker what the end of an attempt says about the server, not about the tool: an answer of any kind is a
 * success; a lost connection, a 5xx and a deadline that ended while connecting or awaiting the answer are failures;
 * refusals of the request, aborts and time lost in the client's own queue say nothing.
 */
export async function judged<T>(
  permit: Permit,
  call: Call,
  isWaitingForServer: () => boolean,
  run: () => Promise<T>,
): Promise<T> {
  try {
    const value = await run();
    permit.success();
    return value;
  } catch (error) {
    if (call.deadline.end === "timeout" && isWaitingForServer()) permit.failure(call.deadline.reason);
    else if (error instanceof Failure && call.deadline.end === undefined) tell(permit, error);
    else permit.ignore();
    throw error;
  }
}

function tell(permit: Permit, failure: Failure): void {
  const isAnswer = failure.kind === "rpc";
  const isServerFault =
    failure.kind === "connect" ||
    failure.kind === "closed" ||
    failure.kind === "invalid-result" ||
    (failure.kind === "http" && Number(failure.status) >= 500);
  if (isAnswer) permit.success();
  else if (isServerFault) permit.failure(failure);
  else permit.ignore();
}
