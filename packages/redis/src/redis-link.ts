import type { Cluster, Redis } from "ioredis";
import type { FleetCounters } from "./fleet-stats.js";

/** How many commands in a row fail before none is sent but a ping. */
const failuresUntilDown = 3;
/** How often Redis is pinged while it is down. */
const pingEveryMs = 1_000;
/** Commands that may wait for Redis at one time, those that nobody waits for any more included. */
const maxUnsettled = 10_000;

/** What a link needs. */
export interface RedisLinkOptions {
  readonly redis: Redis | Cluster;
  readonly timeoutMs: number;
  readonly counters: FleetCounters;
  /** Redis answers: at the start, and again after each `onDown`. */
  readonly onUp: () => void;
  readonly onDown: (reason: string) => void;
  readonly onFailed: (command: string, message: string) => void;
}

type State =
  /** The first connection is being opened: commands wait for it, within their own deadlines. */
  | { readonly kind: "starting"; readonly ready: Promise<void>; readonly begin: () => void }
  | { readonly kind: "up" }
  | { readonly kind: "down"; readonly pings: NodeJS.Timeout }
  | { readonly kind: "closed" };

/**
 * Sends commands over the user's client, each with a deadline of its own, whatever that client is set to. After three
 * failures in a row nothing is sent, so that nobody waits, until a ping in the background is answered in time.
 */
export class RedisLink {
  readonly #options: RedisLinkOptions;
  #state: State;
  #consecutive = 0;
  #unsettled = 0;
  #isPinging = false;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    let begin = (): void => {};
    const ready = new Promise<void>((resolve) => {
      begin = resolve;
    });
    this.#state = { kind: "starting", ready, begin };
    const { redis } = options;
    redis.on("ready", this.#ready);
    redis.on("close", this.#closed);
    redis.on("end", this.#closed);
    if (redis.status === "ready") this.#up();
    else if (redis.status === "wait") redis.connect().catch(() => {});
  }

  get isUp(): boolean {
    return this.#state.kind === "up";
  }

  /**
   * What `send` gives. Rejects with its error, or at the deadline; `onLate` is told what arrives after that. A command that
   * timed out may still run: nothing may be sent that does harm when it runs late.
   */
  run<T>(command: string, send: (redis: Redis | Cluster) => Promise<T>, onLate?: (result: T) => void): Promise<T> {
    const { counters, timeoutMs } = this.#options;
    const state = this.#state;
    if ((state.kind !== "up" && state.kind !== "starting") || this.#unsettled >= maxUnsettled)
      return Promise.reject(new Error("Redis is not asked while it is down"));
    counters.commands += 1;
    this.#unsettled += 1;
    return new Promise<T>((resolve, reject) => {
      let isLate = false;
      let isSettled = false;
      const giveUp = (): void => {
        if (isSettled) return;
        isLate = true;
        counters.timeouts += 1;
        const message = `Redis did not answer within ${timeoutMs} ms`;
        reject(new Error(message));
        this.#failed(command, message);
      };
      // Where this process was too busy to read, the answer is there already: what has arrived is read before.
      const timer = setTimeout(() => setImmediate(giveUp), timeoutMs);
      const sent =
        state.kind === "starting" ? state.ready.then(() => this.#send(send, isLate)) : this.#send(send, false);
      sent
        .then(
          (result) => {
            if (isLate) return onLate?.(result);
            isSettled = true;
            clearTimeout(timer);
            this.#consecutive = 0;
            resolve(result);
          },
          (error: unknown) => {
            if (isLate) return;
            isSettled = true;
            clearTimeout(timer);
            reject(error);
            const message = error instanceof Error ? error.message : String(error);
            // A refusal is an answer: Redis is there, and nobody waited for long.
            if (error instanceof Error && error.name === "ReplyError") this.#refused(command, message);
            else this.#failed(command, message);
          },
        )
        .finally(() => {
          this.#unsettled -= 1;
        })
        .catch(() => {});
    });
  }

  /** Sends nothing more. The user's client stays as it is. */
  close(): void {
    const { redis } = this.#options;
    redis.off("ready", this.#ready);
    redis.off("close", this.#closed);
    redis.off("end", this.#closed);
    if (this.#state.kind === "down") clearInterval(this.#state.pings);
    this.#state = { kind: "closed" };
  }

  async #send<T>(send: (redis: Redis | Cluster) => Promise<T>, isLate: boolean): Promise<T> {
    const { redis } = this.#options;
    // The client's own queue is not used: it may have no end.
    if (isLate || redis.status !== "ready") throw new Error("Redis is not connected");
    return send(redis);
  }

  #refused(command: string, message: string): void {
    this.#consecutive = 0;
    this.#options.counters.failures += 1;
    this.#options.onFailed(command, message);
  }

  #failed(command: string, message: string): void {
    this.#consecutive += 1;
    this.#options.counters.failures += 1;
    this.#options.onFailed(command, message);
    if (this.#consecutive >= failuresUntilDown) this.#down(message);
  }

  readonly #ready = (): void => {
    if (this.#state.kind === "starting") this.#up();
    else void this.#ping();
  };

  readonly #closed = (): void => this.#down("the connection to Redis is closed");

  #up(): void {
    const state = this.#state;
    if (state.kind === "up" || state.kind === "closed") return;
    if (state.kind === "down") clearInterval(state.pings);
    this.#state = { kind: "up" };
    this.#consecutive = 0;
    if (state.kind === "starting") state.begin();
    this.#options.onUp();
  }

  #down(reason: string): void {
    const state = this.#state;
    if (state.kind !== "up" && state.kind !== "starting") return;
    const pings = setInterval(() => void this.#ping(), pingEveryMs);
    pings.unref();
    this.#state = { kind: "down", pings };
    this.#options.onDown(reason);
  }

  /** One ping at a time: a Redis that is frozen must not find a thousand of them. */
  async #ping(): Promise<void> {
    const { redis, timeoutMs } = this.#options;
    if (this.#isPinging || this.#state.kind !== "down" || redis.status !== "ready") return;
    this.#isPinging = true;
    const begin = performance.now();
    try {
      await redis.ping();
      if (performance.now() - begin <= timeoutMs && this.#state.kind === "down") this.#up();
    } catch {
      // It is asked again.
    } finally {
      this.#isPinging = false;
    }
  }
}
