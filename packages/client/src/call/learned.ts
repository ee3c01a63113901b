import type { Deadline } from "../deadline.js";
import type { Failure } from "../session/failure.js";

/** What the end of a call says of its server: that it lives, that it does not work, or nothing. */
export type Learned = "alive" | "failing" | "nothing";

/** What is learned from a call that ended with `error` (undefined for an answer), brought about by `failure`. */
export function learned(error: unknown, failure: Failure | undefined, deadline: Deadline): Learned {
  if (error === undefined || failure?.kind === "rpc") return "alive";
  if (deadline.end !== undefined) return deadline.end === "timeout" ? "failing" : "nothing";
  switch (failure?.kind) {
    case "connect":
    case "closed":
    case "invalid-result":
      return "failing";
    case "http":
      return Number(failure.status) >= 500 ? "failing" : "nothing";
    default:
      return "nothing";
  }
}
