import { setTimeout as pause } from "node:timers/promises";
import type { Lease } from "@minion/pool";
import type { Cancellation } from "../cancellation.js";
import type { McpSession } from "../mcp-session.js";
import type { Connection } from "../session/connection.js";
import { Failure } from "../session/failure.js";
import { quietly } from "../session/quietly.js";

/** Runs something with a leased connection, within a deadline. */
export type WithConnection = <T>(
  options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
  use: (connection: Connection, lease: Lease<McpSession>, deadline: Cancellation) => Promise<T>,
) => Promise<T>;

/** What the subscriptions of one principal need of their server. */
export interface SubscriptionsContext {
  readonly withConnection: WithConnection;
  /** How many calls wait for a connection of the kind that is held. */
  readonly waiting: (key: string) => number;
  /** How old a connection may become that is held, in milliseconds. */
  readonly maxAgeMs: number;
}

interface Held {
  readonly connection: Connection;
  readonly lease: Lease<McpSession>;
}

const lookMs = 1_000;
const firstDelayMs = 200;
const maxDelayMs = 30_000;
const unsubscribeMs = 5_000;

/**
 * The resources of one server that one principal is subscribed to. A connection is held for them, since the server
 * forgets them with it; where it is lost, another is opened and everything is subscribed to again. No call waits for the
 * place that is held: where one waits, the place is given up and taken again behind it.
 */
export class ResourceSubscriptions {
  readonly #context: SubscriptionsContext;
  readonly #listeners = new Map<string, Set<() => void>>();
  #held: Held | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isRestoring = false;
  #isClosed = false;

  constructor(context: SubscriptionsContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Subscribes; resolves when the server has accepted. Rejects as `withConnection` does. */
  async subscribe(
    uri: string,
    listener: () => void,
    options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
  ): Promise<AsyncDisposable> {
    // The same function may be subscribed twice, and is then called twice.
    const own = (): void => listener();
    const listeners = this.#listeners.get(uri) ?? new Set();
    this.#listeners.set(uri, listeners.add(own));
    try {
      await this.#subscribeTo([uri], options, { isStrict: true });
    } catch (error) {
      this.#drop(uri, own);
      throw error;
    }
    let ended: Promise<void> | undefined;
    return {
      [Symbol.asyncDispose]: () => {
        ended ??= this.#unsubscribe(uri, own);
        return ended;
      },
    };
  }

  /** The server says that a resource has changed: one that is subscribed to, or a part of one. */
  updated(uri: string): void {
    for (const [one, listeners] of this.#listeners)
      if (uri === one || uri.startsWith(one.endsWith("/") ? one : `${one}/`)) tell(listeners);
  }

  /** Gives everything up. Nothing is told any more. */
  close(): void {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#letGo();
  }

  async #subscribeTo(
    uris: readonly string[],
    options: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number | undefined },
    { isStrict }: { readonly isStrict: boolean },
  ): Promise<Connection> {
    return this.#context.withConnection(options, async (connection, lease, deadline) => {
      if (this.#held === undefined && !this.#isClosed) this.#hold({ connection, lease });
      else lease.release();
      const over = this.#held?.connection ?? connection;
      for (const uri of uris) {
        try {
          await over.send({ method: "resources/subscribe", params: { uri } }, { signal: deadline });
        } catch (error) {
          // A resource that the server no longer has must not end the subscriptions to the others.
          if (isStrict || !(error instanceof Failure && error.kind === "rpc")) throw error;
        }
      }
      return over;
    });
  }

  #hold(held: Held): void {
    this.#held = held;
    const { signal } = held.lease;
    signal.addEventListener("abort", () => this.#lost(held), { once: true });
    if (signal.aborted) this.#lost(held);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), lookMs).unref();
  }

  #letGo(): Held | undefined {
    const held = this.#held;
    this.#held = undefined;
    clearInterval(this.#timer);
    held?.lease.release();
    return held;
  }

  #lost(held: Held): void {
    if (this.#held !== held) return;
    this.#letGo();
    void this.#restore(undefined);
  }

  /** A connection that is held keeps its place from calls, and its pool from replacing it when it is old. */
  #look(): void {
    const { waiting, maxAgeMs } = this.#context;
    const lease = this.#held?.lease;
    if (lease === undefined || (waiting(lease.key) === 0 && lease.ageMs < maxAgeMs)) return;
    void this.#restore(this.#letGo());
  }

  /** Subscribes to everything again, until it is done or nothing is left to subscribe to. */
  async #restore(before: Held | undefined): Promise<void> {
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    try {
      for (let delayMs = firstDelayMs; !this.isEmpty; delayMs = Math.min(2 * delayMs, maxDelayMs)) {
        try {
          const connection = await this.#subscribeTo([...this.#listeners.keys()], {}, { isStrict: false });
          if (before === undefined) for (const listeners of this.#listeners.values()) tell(listeners);
          else if (before.connection !== connection)
            void this.#takeBack(before.connection, [...this.#listeners.keys()]);
          break;
        } catch {
          await pause(delayMs * (0.5 + Math.random() / 2), undefined, { ref: false });
        }
      }
    } finally {
      this.#isRestoring = false;
    }
    if (this.isEmpty) this.#letGo();
    // The new connection was lost before the subscriptions were renewed on it.
    else if (this.#held === undefined) void this.#restore(undefined);
  }

  async #unsubscribe(uri: string, own: () => void): Promise<void> {
    const held = this.#held;
    if (this.#listeners.get(uri)?.size === 1 && held !== undefined) await this.#takeBack(held.connection, [uri]);
    this.#drop(uri, own);
  }

  /** Tells the server that updates are not wanted over a connection any more, where it wants to hear that. */
  async #takeBack(connection: Connection, uris: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(unsubscribeMs);
    const sending = uris.map((uri) =>
      connection.send({ method: "resources/unsubscribe", params: { uri } }, { signal }),
    );
    await Promise.allSettled(sending);
  }

  #drop(uri: string, own: () => void): void {
    const listeners = this.#listeners.get(uri);
    listeners?.delete(own);
    if (listeners?.size === 0) this.#listeners.delete(uri);
    if (this.isEmpty) this.#letGo();
  }
}

function tell(listeners: ReadonlySet<() => void>): void {
  for (const listener of [...listeners]) quietly(listener);
}
