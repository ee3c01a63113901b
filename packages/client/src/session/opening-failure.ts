import { Exchange } from "./exchange.js";
import type { Failure } from "./failure.js";
import { failureOf } from "./http/status-failure.js";
import { ignore } from "./quietly.js";
import type { Secrets } from "./redact.js";

/** What an error means by which a connection could not be opened. */
export function openingFailure(error: unknown, secrets: Secrets, stderrTail = ""): Failure {
  const failure = failureOf(error, new Exchange({ onFailed: ignore }), { hasSession: false });
  const isOwn = failure.kind === "http" || failure.kind === "rpc" || failure.kind === "application";
  const message =
    failure.cause instanceof Error && !isOwn && failure.cause.message !== "" ? failure.cause.message : failure.message;
  return failure.with({
    kind: isOwn ? failure.kind : "connect",
    message: secrets.clean(message),
    delivery: "not-sent",
    isOpening: true,
    doubtsSession: false,
    stderrTail,
    cause: keepsCause(failure) ? failure.cause : secrets.maskError(failure.cause),
  });
}

/** Errors that are rethrown as they are: the server's own, and those of the application. */
function keepsCause({ kind }: Failure): boolean {
  return kind === "rpc" || kind === "application";
}
