/** How a JSON-RPC request is named. */
export type RequestId = string | number;

/** A request that is being answered. Disposing it forgets the request. */
export interface PendingAnswer extends Disposable {
  /** Aborted once the client no longer wants the answer. */
  readonly signal: AbortSignal;
}

/** The requests of a transport that are being answered, each of which its client may cancel. */
export class Answers {
  readonly #pending = new Map<RequestId, AbortController>();

  /** A request, which is cancelled by its id or by the signal it was sent with. */
  open(id: RequestId, signal: AbortSignal | undefined): PendingAnswer {
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
    this.#pending.set(id, controller);
    return {
      signal: controller.signal,
      [Symbol.dispose]: () => {
        signal?.removeEventListener("abort", abort);
        if (this.#pending.get(id) === controller) this.#pending.delete(id);
      },
    };
  }

  cancel(id: unknown, reason: unknown): void {
    if (typeof id !== "string" && typeof id !== "number") return;
    this.#pending.get(id)?.abort(new Error(typeof reason === "string" ? reason : "The request was cancelled."));
  }

  cancelAll(): void {
    for (const controller of this.#pending.values()) controller.abort(new Error("The transport was closed."));
  }
}
