import type { Progress, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { Delivery } from "../errors.js";
import type { CallOrigin } from "./connection.js";
import type { Failure } from "./failure.js";

let lastToken = 0;

/** One request of ours, from before it is written to its answer. */
export class Exchange {
  /** Names this request in the progress that the server reports. */
  readonly progressToken: string = `minion-${++lastToken}`;
  /** By which its answer is found. */
  requestId: RequestId | undefined;
  /** Whether the answer names no request, so that the server may not have understood it. */
  isUnmatched = false;
  /** Its number on the wire, where it goes past the SDK; undefined where the SDK makes the request. */
  id: number | undefined;
  readonly onProgress: ((progress: Progress) => void) | undefined;
  /** The call that it is made for; undefined where it is the client's own. */
  readonly call: CallOrigin | undefined;
  readonly #onResult: ((result: unknown) => void) | undefined;
  readonly #onStarted: (() => void) | undefined;
  readonly #onSent: (() => void) | undefined;
  readonly #onWaiting: (() => void) | undefined;
  readonly #onFailed: (failure: Failure) => void;
  #isOver = false;
  /** Whether whoever asked knows how it ended, or does not want to. */
  #isTold = false;
  readonly #watchers = new Set<() => void>();
  #isStarted = false;
  #delivery: Delivery = "not-sent";
  #answer: "result" | "error" | undefined;
  #failure: Failure | undefined;

  constructor(options: {
    readonly onFailed: (failure: Failure) => void;
    readonly onResult?: ((result: unknown) => void) | undefined;
    readonly onStarted?: (() => void) | undefined;
    readonly onSent?: (() => void) | undefined;
    readonly onWaiting?: (() => void) | undefined;
    readonly onProgress?: ((progress: Progress) => void) | undefined;
    readonly call?: CallOrigin | undefined;
  }) {
    this.#onFailed = options.onFailed;
    this.#onResult = options.onResult;
    this.#onStarted = options.onStarted;
    this.#onSent = options.onSent;
    this.#onWaiting = options.onWaiting;
    this.onProgress = options.onProgress;
    this.call = options.call;
  }

  get delivery(): Delivery {
    return this.#delivery;
  }

  /** How the server answered, as seen on the wire. */
  get answer(): "result" | "error" | undefined {
    return this.#answer;
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Whether nobody awaits the answer any more: it has come, or the request failed or was given up. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Calls back once, when the answer is no longer awaited; at once where that is so. Returns what takes that back. */
  onceOver(callback: () => void): () => void {
    if (this.#isOver) callback();
    else this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  /** It waits for nobody on this side any more. */
  markStarted(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#onStarted?.();
  }

  /** The request was handed to the pipe or socket: from now on the server may run it. */
  markSent(): void {
    if (this.#delivery === "sent") return;
    this.#delivery = "sent";
    this.markStarted();
    this.#onSent?.();
  }

  /** It waits for the application, or for its login: what was sent of it was refused before the server ran it. */
  markWaiting(): void {
    if (!this.#isStarted) return;
    this.#isStarted = false;
    this.#delivery = "not-sent";
    this.#onWaiting?.();
  }

  /** It is certain that the server got no complete request, or refused it before running it. */
  markNotSent(): void {
    this.#delivery = "not-sent";
  }

  /** The answer has been seen on the wire; what the SDK makes of it is told by `resolve` or `reject`. */
  answered(how: "result" | "error"): void {
    this.#answer = how;
    this.#end();
  }

  /** The result is there. */
  resolve(result: unknown): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#end();
    this.#onResult?.(result);
  }

  /** The request has failed, also by an answer that is an error. */
  reject(failure: Failure): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#failure = failure;
    this.#end();
    this.#onFailed(failure);
  }

  /** Ends the exchange without an answer; only the first end counts. */
  fail(failure: Failure): void {
    if (!this.#isOver) this.reject(failure);
  }

  /** Nobody awaits the answer any more. */
  giveUp(): void {
    this.#isTold = true;
    this.#end();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const callback of this.#watchers) callback();
    this.#watchers.clear();
  }
}
