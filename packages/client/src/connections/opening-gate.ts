import type { PoolStats } from "@minion/pool";
import { orAborted } from "../session/abort.js";
import type { Connection } from "../session/connection.js";
import { Failure, isUnauthorized } from "../session/failure.js";

/** How long a server that refused a further session is asked for none. */
const refusedForMs = 60_000;
/** How long after a lost session was renewed further ones are opened only where the queue stands still. */
const renewedForMs = 5_000;
/** How long the queue has to stand still, and how often a waiting opening looks whether it is still needed. */
const lookMs = 1_000;

/** No further connection can be had or is needed now: whoever waits for one waits for those that there are. */
export class NoFurtherConnection extends Error {
  override readonly name = "NoFurtherConnection";
}

/** What an {@link OpeningGate} needs to know of its key. */
export interface OpeningGateOptions {
  /** The pool's figures. */
  readonly stats: () => Pick<PoolStats, "waiting" | "acquired">;
}

/**
 * Decides when a connection of one key is opened, for servers that keep a session for each.
 *
 * Where none is open the first is opened, and all others wait for it and share its failure: a lost session is renewed once,
 * however many wait. A further one is opened only once the one that is there has shown that it stands, and after a renewal
 * only where it does not suffice. Where the server refuses a further session it is asked for none for a while.
 */
export class OpeningGate {
  readonly #stats: OpeningGateOptions["stats"];
  readonly #open = new Set<Connection>();
  #first: Promise<Connection> | undefined;
  /** Whether the last connection was lost and is to be renewed. */
  #isLost = false;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #refusedAt = Number.NEGATIVE_INFINITY;
  /** When it was last known that a connection stands. */
  #provenAt = Number.NEGATIVE_INFINITY;
  #proof: Promise<void> | undefined;
  /** Called when the last open connection has gone. */
  readonly #onEmpty = new Set<() => void>();

  constructor({ stats }: OpeningGateOptions) {
    this.#stats = stats;
  }

  /** Whether it has nothing to remember. */
  get isIdle(): boolean {
    return this.#open.size === 0 && this.#first === undefined && performance.now() - this.#refusedAt >= refusedForMs;
  }

  /**
   * Opens a connection by `connect` when it is time. Rejects as that does, with `signal.reason`, or with
   * {@link NoFurtherConnection}.
   */
  async open(signal: AbortSignal, connect: () => Promise<Connection>): Promise<Connection> {
    const begunAt = performance.now();
    const isForMinimum = this.#stats().waiting === 0;
    for (;;) {
      signal.throwIfAborted();
      if (this.#open.size === 0) {
        if (this.#first === undefined) return await this.#openFirst(connect);
        await orAborted(this.#first, signal).catch(throwFailure);
      } else if (isForMinimum || (await this.#isTimeForFurther(begunAt, signal))) {
        const connection = await this.#openFurther(connect);
        if (connection !== undefined) return connection;
      }
    }
  }

  /** A connection has ended; `isLost` where nobody wanted that. */
  ended(connection: Connection, isLost: boolean): void {
    if (!this.#open.delete(connection) || this.#open.size > 0) return;
    this.#isLost = isLost;
    for (const wake of [...this.#onEmpty]) wake();
  }

  async #openFirst(connect: () => Promise<Connection>): Promise<Connection> {
    this.#first = connect();
    try {
      const connection = await this.#first;
      this.#noteOpen(connection);
      if (this.#isLost) this.#renewedAt = performance.now();
      this.#isLost = false;
      return connection;
    } finally {
      this.#first = undefined;
    }
  }

  /** Undefined where the server refuses a further session. */
  async #openFurther(connect: () => Promise<Connection>): Promise<Connection | undefined> {
    try {
      const connection = await connect();
      this.#noteOpen(connection);
      return connection;
    } catch (error) {
      if (this.#open.size === 0 || !isRefusal(error)) throw error;
      this.#refusedAt = performance.now();
      return undefined;
    }
  }

  #noteOpen(connection: Connection): void {
    this.#open.add(connection);
    this.#provenAt = performance.now();
  }

  /** False where everything is to be looked at again. */
  async #isTimeForFurther(begunAt: number, signal: AbortSignal): Promise<boolean> {
    if (performance.now() - this.#refusedAt < refusedForMs) {
      await this.#wait(signal);
      return false;
    }
    if (this.#provenAt < begunAt) {
      await orAborted(this.#prove(), signal);
      return false;
    }
    if (performance.now() - this.#renewedAt >= renewedForMs) return true;
    const { acquired } = this.#stats();
    await this.#wait(signal);
    return this.#open.size > 0 && this.#stats().acquired === acquired;
  }

  /** For a while, or until none is open any more. Rejects where the opening is not needed any more. */
  async #wait(signal: AbortSignal): Promise<void> {
    let wake = (): void => {};
    const pause = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#onEmpty.add(wake);
    const timer = setTimeout(wake, lookMs);
    timer.unref();
    try {
      await orAborted(pause, signal);
    } finally {
      clearTimeout(timer);
      this.#onEmpty.delete(wake);
    }
    if (this.#stats().waiting === 0) throw new NoFurtherConnection("no further connection is needed");
  }

  /** One ping for all who wait. A connection that turns out to be lost ends by it; one that says nothing holds up nobody. */
  #prove(): Promise<void> {
    const [connection] = this.#open;
    this.#proof ??= (connection?.check() ?? Promise.resolve()).then(() => {
      this.#provenAt = performance.now();
      this.#proof = undefined;
    });
    return this.#proof;
  }
}

/** What ended the opening of somebody else for reasons of its own is no failure of the server. */
function throwFailure(error: unknown): void {
  if (error instanceof Failure) throw error;
}

/** Whether the server answered, and said no: not because of credentials, which those who wait must be told of. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  const { kind, status = 0 } = error;
  return kind === "rpc" || (kind === "http" && status >= 400 && !isUnauthorized(status));
}

/** The gates of a server's keys. One is made when its key is first opened. */
export class OpeningGates {
  readonly #stats: (key: string) => ReturnType<OpeningGateOptions["stats"]>;
  readonly #byKey = new Map<string, OpeningGate>();

  constructor(stats: (key: string) => ReturnType<OpeningGateOptions["stats"]>) {
    this.#stats = stats;
  }

  of(key: string): OpeningGate {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const gate = new OpeningGate({ stats: () => this.#stats(key) });
    this.#byKey.set(key, gate);
    return gate;
  }

  /** A connection of a key has ended. */
  ended(key: string, connection: Connection, isLost: boolean): void {
    this.#byKey.get(key)?.ended(connection, isLost);
  }

  /** Forgets the gate of a key, if it has nothing to remember. */
  prune(key: string): void {
    if (this.#byKey.get(key)?.isIdle === true) this.#byKey.delete(key);
  }
}
