import type { ListOptions } from "./config/call-options.js";
import type { Policy } from "./config/policy.js";
import { ResourceSubscriptions, type WithConnection } from "./connections/resource-subscriptions.js";
import type { Notification } from "./connections/server-connections.js";

const defaultLifetimeMs = 1_800_000;
/** The pool shortens each lifetime at random, by a tenth unless it is told otherwise. */
const defaultJitter = 0.1;

/** What the subscriptions of a server need of it. */
export interface ServerSubscriptionsContext {
  readonly policy: Policy;
  /** How many calls wait for a connection under a key of the pool. */
  readonly waiting: (key: string) => number;
  /** What runs something with a connection of a principal. */
  readonly withConnectionOf: (principal: string | undefined) => WithConnection;
}

/** The resources of one server that its users are subscribed to, each principal over a connection of their own. */
export class ServerSubscriptions {
  readonly #context: ServerSubscriptionsContext;
  readonly #byPrincipal = new Map<string | undefined, ResourceSubscriptions>();

  constructor(context: ServerSubscriptionsContext) {
    this.#context = context;
  }

  /** Subscribes; resolves when the server has accepted. Throws what a user is told. */
  async subscribe(uri: string, listener: () => void, options: ListOptions): Promise<AsyncDisposable> {
    const { principal, signal, timeoutMs } = options;
    const subscriptions = this.#byPrincipal.get(principal) ?? this.#subscriptionsOf(principal);
    this.#byPrincipal.set(principal, subscriptions);
    try {
      return await subscriptions.subscribe(uri, listener, { signal, timeoutMs });
    } finally {
      // Principals come and go: those without a subscription leave nothing behind.
      for (const [owner, those] of this.#byPrincipal) if (those.isEmpty) this.#byPrincipal.delete(owner);
    }
  }

  /** The server has sent a notification. */
  notified({ method, params, principal }: Notification): void {
    if (method !== "notifications/resources/updated") return;
    const uri: unknown = typeof params === "object" && params !== null ? Reflect.get(params, "uri") : undefined;
    if (typeof uri === "string") this.#byPrincipal.get(principal)?.updated(uri);
  }

  /** Ends them all. */
  close(): void {
    for (const subscriptions of this.#byPrincipal.values()) subscriptions.close();
    this.#byPrincipal.clear();
  }

  #subscriptionsOf(principal: string | undefined): ResourceSubscriptions {
    const { policy, waiting, withConnectionOf } = this.#context;
    const { maxLifetimeMs = defaultLifetimeMs, lifetimeJitter = defaultJitter } = policy.pool;
    return new ResourceSubscriptions({
      waiting,
      maxAgeMs: policy.stateful ? Number.POSITIVE_INFINITY : maxLifetimeMs * (1 - lifetimeJitter),
      withConnection: withConnectionOf(principal),
    });
  }
}
