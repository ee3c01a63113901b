import { isObject } from "../../untrusted.js";
import { restFor } from "../abort.js";
import { Exchange } from "../exchange.js";
import type { Failure } from "../failure.js";

/** What a client can ask to be told of. */
export interface SubscriptionFilter {
  readonly toolsListChanged?: true;
  readonly promptsListChanged?: true;
  readonly resourcesListChanged?: true;
  readonly resourceSubscriptions?: readonly string[];
}

/** What a {@link Subscription} needs of its connection. */
export interface SubscriptionOptions {
  readonly filter: SubscriptionFilter;
  /** Sends `subscriptions/listen`. Returns its id, and what ends it. */
  readonly send: (
    filter: SubscriptionFilter,
    exchange: Exchange,
  ) => { readonly id: number; readonly cancel: () => void };
  /** From now on changes go unheard. */
  readonly onLost: () => void;
  /** Changes are heard again; some may have been missed. */
  readonly onGap: () => void;
}

/** The notification by which a server accepts a subscription. */
export const acknowledged = "notifications/subscriptions/acknowledged";
const subscriptionId = "io.modelcontextprotocol/subscriptionId";
const firstPauseMs = 200;
const maxPauseMs = 60_000;
/** A server that does not acknowledge is not waited for any longer; it may do so later. */
const acknowledgeTimeoutMs = 1_000;
/** A subscription that lived so long was a good one: the next is asked for soon. */
const goodLifeMs = 5_000;

/**
 * Keeps one `subscriptions/listen` open, by which a server of revision 2026-07-28 announces changes, and asks for another
 * when it ends. Nothing is said twice: after each gap everything may have changed.
 */
export class Subscription {
  readonly #options: SubscriptionOptions;
  readonly #closing = new AbortController();
  #id: number | undefined;
  #wasHeard = false;
  /** Whether whoever began it still waits for the server to acknowledge it: nothing was missed yet. */
  #isAwaited = true;
  #onHeard: (failure?: Failure) => void = () => {};

  constructor(options: SubscriptionOptions) {
    this.#options = options;
  }

  /**
   * Begins. Resolves when the server acknowledges it, with a failure when it refuses it, or after a second. Never rejects.
   * What is refused is asked for again later, unless that is of no use.
   */
  begin(): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      this.#onHeard = (failure) => {
        clearTimeout(timer);
        this.#isAwaited = false;
        resolve(failure);
      };
      const timer = setTimeout(() => this.#onHeard(), acknowledgeTimeoutMs);
      void this.#keep().finally(() => this.#onHeard());
    });
  }

  /** Whether a notification is about the subscription itself. */
  takes(method: string, params: unknown): boolean {
    if (method === acknowledged) {
      const meta = isObject(params) ? params._meta : undefined;
      const id = isObject(meta) ? meta[subscriptionId] : undefined;
      // There may be several on a connection: each takes its own.
      const isOwn = this.#id !== undefined && (id === undefined || id === this.#id);
      if (isOwn) this.#acknowledged();
      return isOwn;
    }
    // The end of a subscription by the server, as the page on cancellation has it.
    return method === "notifications/cancelled" && isObject(params) && params.requestId === this.#id && this.#end();
  }

  close(): void {
    this.#closing.abort();
    this.#end();
  }

  #end: () => true = () => true;

  async #keep(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; ) {
      const begunAt = performance.now();
      const failure = await this.#listenOnce();
      if (signal.aborted) return;
      if (this.#wasHeard) this.#options.onLost();
      this.#onHeard(failure);
      if (isFinal(failure)) return;
      failures = performance.now() - begunAt >= goodLifeMs ? 0 : failures + 1;
      const pauseMs = Math.min(firstPauseMs * 2 ** failures, maxPauseMs);
      await restFor(pauseMs * (0.5 + Math.random() / 2), signal);
    }
  }

  /** One subscription from its beginning to its end: undefined where the server ended it in good order. */
  #listenOnce(): Promise<Failure | undefined> {
    return new Promise((resolve) => {
      const exchange = new Exchange({ onResult: () => resolve(undefined), onFailed: resolve });
      const { id, cancel } = this.#options.send(this.#options.filter, exchange);
      this.#id = id;
      this.#end = () => {
        exchange.giveUp();
        cancel();
        resolve(undefined);
        return true;
      };
    });
  }

  #acknowledged(): void {
    const mayHaveMissed = this.#wasHeard || !this.#isAwaited;
    this.#wasHeard = true;
    this.#onHeard();
    if (mayHaveMissed) this.#options.onGap();
  }
}

/** Whether a server that refuses so will always refuse. */
function isFinal(failure: Failure | undefined): boolean {
  if (failure === undefined) return false;
  const isUnknown = failure.kind === "rpc" && isObject(failure.cause) && failure.cause.code === -32601;
  return isUnknown || failure.kind === "session-lost" || [404, 405, 501].includes(failure.status ?? 0);
}
