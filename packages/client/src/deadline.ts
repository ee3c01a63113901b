import { setMaxListeners } from "node:events";
import { CallTimeoutError, ClientClosedError, ServerNotFoundError } from "./errors.js";
import type { Delivery } from "./session/failure.js";

type End = "caller" | "timeout" | "closing";

/** How long a call may take. */
export interface DeadlineOptions {
  readonly timeoutMs: number;
  /** Whether progress starts `timeoutMs` anew, up to `maxTotalMs` in all. */
  readonly resetOnProgress: boolean;
  readonly maxTotalMs: number;
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined;
  /** Aborts when the client, or the server's place in it, is closed. */
  readonly closing: AbortSignal;
}

/**
 * One deadline over everything that a call does. Its signal aborts with the caller's own reason, with
 * {@link CallTimeoutError}, or with {@link ClientClosedError}; whoever waits for anything waits with it.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #options: DeadlineOptions;
  readonly #server: string;
  readonly #what: string;
  readonly #endsAt: number;
  readonly #release: () => void;
  #dueAt: number;
  #timer: NodeJS.Timeout | undefined;
  #delivery: Delivery = "not-sent";
  #end: End | undefined;

  constructor(server: string, what: string, options: DeadlineOptions) {
    this.#options = options;
    this.#server = server;
    this.#what = what;
    const now = performance.now();
    this.#endsAt = now + (options.resetOnProgress ? options.maxTotalMs : options.timeoutMs);
    this.#dueAt = Math.min(now + options.timeoutMs, this.#endsAt);
    const { signal, closing } = options;
    const onAbort = (): void => this.#abort(endOf(signal?.reason), signal?.reason);
    const onClosing = (): void => {
      const { reason } = closing;
      const { delivery } = this;
      this.#abort(
        "closing",
        reason instanceof ClientClosedError ? new ClientClosedError(server, { delivery }) : reason,
      );
    };
    // One signal for many calls is no leak: each takes its listener off again.
    if (signal !== undefined) setMaxListeners(0, signal);
    signal?.addEventListener("abort", onAbort, { once: true });
    closing.addEventListener("abort", onClosing, { once: true });
    this.#release = () => {
      signal?.removeEventListener("abort", onAbort);
      closing.removeEventListener("abort", onClosing);
    };
    if (signal?.aborted) onAbort();
    else if (closing.aborted) onClosing();
    else this.#arm();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What ended it: the caller, the time, the client; undefined while it runs. */
  get end(): End | undefined {
    return this.#end;
  }

  /** Whether anything of the call may have reached the server so far. */
  get delivery(): Delivery {
    return this.#delivery;
  }

  /** Milliseconds left. */
  get leftMs(): number {
    return Math.max(0, this.#dueAt - performance.now());
  }

  /** Whether progress extends it. */
  get isExtended(): boolean {
    return this.#options.resetOnProgress;
  }

  /** From now on the server may be running the call. */
  markSent(): void {
    this.#delivery = "sent";
  }

  /** What was sent was refused: nothing has run after all. */
  markNotSent(): void {
    this.#delivery = "not-sent";
  }

  /** Progress has arrived. */
  onProgress(): void {
    if (!this.#options.resetOnProgress || this.#end !== undefined) return;
    this.#dueAt = Math.min(performance.now() + this.#options.timeoutMs, this.#endsAt);
    this.#arm();
  }

  /** Waits. Rejects with the signal's reason where the deadline ends before. */
  wait(ms: number): Promise<void> {
    const { signal } = this;
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      }, ms);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** To be called when the call has ended. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#release();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (!Number.isFinite(this.#dueAt)) return;
    // The longest that a timer can wait for; it is armed again then.
    const wait = Math.min(this.#dueAt - performance.now(), 2_147_483_647);
    this.#timer = setTimeout(() => (performance.now() >= this.#dueAt - 1 ? this.#expire() : this.#arm()), wait);
  }

  #expire(): void {
    const { resetOnProgress, timeoutMs, maxTotalMs } = this.#options;
    const isTotal = resetOnProgress && this.#dueAt >= this.#endsAt;
    const details = { timeoutMs: isTotal ? maxTotalMs : timeoutMs, delivery: this.#delivery };
    this.#abort("timeout", new CallTimeoutError(this.#server, this.#what, details));
  }

  #abort(end: End, reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    clearTimeout(this.#timer);
    this.#controller.abort(reason);
  }
}

/** A fetch that all share ends with the last who waited for it: by that one's deadline, or by its own wish. */
function endOf(reason: unknown): End {
  if (reason instanceof CallTimeoutError) return "timeout";
  return reason instanceof ClientClosedError || reason instanceof ServerNotFoundError ? "closing" : "caller";
}
