import type { Failure } from "../failure.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";

/**
 * The resources whose changes are announced on one connection of revision 2026-07-28, which has one subscription for them all
 * in place of `resources/subscribe`: it is replaced when they change, the new one first.
 */
export class ResourceWatch {
  readonly #options: Pick<SubscriptionOptions, "send" | "onLost">;
  readonly #onGap: (uris: readonly string[]) => void;
  readonly #uris = new Set<string>();
  /** The one in force, and the one that is to replace it. */
  readonly #subscriptions = new Set<Subscription>();
  #changing: Promise<unknown> = Promise.resolve();

  /** `onGap` is told of the resources of which changes may have been missed. */
  constructor(options: Pick<SubscriptionOptions, "send" | "onLost">, onGap: (uris: readonly string[]) => void) {
    this.#options = options;
    this.#onGap = onGap;
  }

  /** Resolves when the server acknowledges it, with a failure where it refuses. */
  add(uri: string): Promise<Failure | undefined> {
    return this.#change(async () => {
      if (this.#uris.has(uri)) return undefined;
      this.#uris.add(uri);
      const failure = await this.#replace();
      if (failure !== undefined) this.#uris.delete(uri);
      return failure;
    });
  }

  remove(uri: string): Promise<Failure | undefined> {
    return this.#change(async () => (this.#uris.delete(uri) ? await this.#replace() : undefined));
  }

  takes(method: string, params: unknown): boolean {
    return [...this.#subscriptions].some((one) => one.takes(method, params));
  }

  close(): void {
    for (const one of this.#subscriptions) one.close();
    this.#subscriptions.clear();
  }

  #change(change: () => Promise<Failure | undefined>): Promise<Failure | undefined> {
    const changed = this.#changing.then(change);
    this.#changing = changed;
    return changed;
  }

  async #replace(): Promise<Failure | undefined> {
    const old = [...this.#subscriptions];
    if (this.#uris.size > 0) {
      const uris = [...this.#uris];
      const next = new Subscription({
        ...this.#options,
        filter: { resourceSubscriptions: uris },
        onGap: () => this.#onGap(uris),
      });
      this.#subscriptions.add(next);
      const failure = await next.begin();
      if (failure !== undefined) {
        this.#subscriptions.delete(next);
        next.close();
        return failure;
      }
    }
    for (const one of old) {
      this.#subscriptions.delete(one);
      one.close();
    }
    return undefined;
  }
}
