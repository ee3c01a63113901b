import { type FailedCall, toldError } from "./call/public-error.js";
import type { Deadline } from "./deadline.js";
import type { EventBody } from "./events.js";
import type { Failure } from "./session/failure.js";
import type { Monitor } from "./status.js";
import { boundedMessageOf, errorTypeOf } from "./text.js";

/** What a {@link CallReport} is about, and whom it tells. */
export interface CallReportOptions {
  readonly method: string;
  /** The tool, for `tools/call`. */
  readonly tool: string | undefined;
  readonly failed: FailedCall;
  readonly deadline: Deadline;
  readonly monitor: Monitor;
  readonly emit: (event: EventBody) => void;
}

/** What is told of one call: to its caller, in the figures of its server and in events. */
export class CallReport {
  readonly #options: CallReportOptions;
  readonly #begin = performance.now();
  #attempts = 1;

  constructor(options: CallReportOptions) {
    this.#options = options;
    options.monitor.callBegins();
  }

  retried(cause: Failure, attempt: number, delayMs: number): void {
    const { monitor, emit } = this.#options;
    this.#attempts += 1;
    monitor.callRetried();
    emit({ type: "retry", attempt, delayMs, errorType: errorTypeOf(this.told(cause)) });
  }

  /** The error that the caller gets. */
  told(error: unknown): unknown {
    return toldError(error, this.#options.failed);
  }

  /** What that error is called. */
  typeOf(told: unknown): string {
    return errorTypeOf(told, this.#options.deadline.end);
  }

  /** It has ended: with `told` where it rejects; `errorType` is undefined where all is well. */
  ended(errorType: string | undefined, told: unknown): void {
    const { method, tool, deadline, monitor, emit } = this.#options;
    const outcome = errorType === undefined ? "success" : deadline.end === "caller" ? "cancelled" : "error";
    monitor.callEnds(outcome, told);
    const durationMs = performance.now() - this.#begin;
    const message = told === undefined ? undefined : boundedMessageOf(told);
    emit({ type: "callFinished", method, tool, durationMs, attempts: this.#attempts, outcome, errorType, message });
  }
}
