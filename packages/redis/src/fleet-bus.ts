import type { Cluster, Redis } from "ioredis";
import { decodeMessage, encodeMessage, type FleetMessage } from "./fleet-message.js";
import type { RedisLink } from "./redis-link.js";

/** What a bus needs. */
export interface FleetBusOptions {
  readonly redis: Redis | Cluster;
  readonly link: RedisLink;
  readonly channel: string;
  /** Stands for this process. */
  readonly self: string;
  /** Own messages too come back this way. */
  readonly onMessage: (message: FleetMessage, from: string) => void;
  readonly onRefused: (message: string) => void;
  readonly onFailed: (command: string, message: string) => void;
  /** It is subscribed, at the start and after each loss: what was sent meanwhile was not heard. */
  readonly onSubscribed: () => void;
  readonly onLost: (reason: string) => void;
}

/** The channel over which the processes of a fleet tell each other. It may lose messages at any time. */
export class FleetBus {
  readonly #options: FleetBusOptions;
  readonly #subscriber: Redis | Cluster;
  #isSubscribed = false;
  #isClosed = false;

  constructor(options: FleetBusOptions) {
    this.#options = options;
    const { redis } = options;
    this.#subscriber = subscriberOf(redis);
    this.#subscriber.on("error", () => {});
    this.#subscriber.on("ready", () => void this.#subscribe());
    this.#subscriber.on("close", () => this.#lost("the subscription's connection is closed"));
    this.#subscriber.on("message", (_channel: string, text: string) => this.#heard(text));
  }

  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** Tells the fleet. Resolves with whether Redis took it; never rejects. */
  async publish(message: FleetMessage): Promise<boolean> {
    const { link, channel, self } = this.#options;
    try {
      await link.run("publish", (redis) => redis.publish(channel, encodeMessage(self, message)));
      return true;
    } catch {
      return false;
    }
  }

  /** Tries again to subscribe, where the connection stands and Redis has refused it. */
  retry(): void {
    if (!this.#isSubscribed && !this.#isClosed && this.#subscriber.status === "ready") void this.#subscribe();
  }

  /** Gives up the connection and opens another one: nothing is heard over it although it looks open. */
  reconnect(reason: string): void {
    if (this.#isClosed || !this.#isSubscribed) return;
    this.#lost(reason);
    this.#subscriber.disconnect(true);
  }

  close(): void {
    this.#isClosed = true;
    this.#isSubscribed = false;
    this.#subscriber.removeAllListeners("message");
    this.#subscriber.disconnect();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#options.channel);
    } catch (error) {
      if (this.#isClosed) return;
      this.#options.onFailed("subscribe", error instanceof Error ? error.message : String(error));
      return;
    }
    if (this.#isClosed || this.#subscriber.status !== "ready") return;
    this.#isSubscribed = true;
    this.#options.onSubscribed();
  }

  #lost(reason: string): void {
    if (!this.#isSubscribed) return;
    this.#isSubscribed = false;
    this.#options.onLost(reason);
  }

  #heard(text: string): void {
    const { onMessage, onRefused } = this.#options;
    const decoded = decodeMessage(text);
    if (decoded === undefined) onRefused("a message on the fleet's channel is not one of this version");
    else onMessage(decoded.message, decoded.from);
  }
}

/** A connection of its own, as the user's is set up. It subscribes by hand, so that it is known since when. */
function subscriberOf(redis: Redis | Cluster): Redis | Cluster {
  const common = { lazyConnect: false, enableOfflineQueue: false };
  if (isCluster(redis)) return redis.duplicate([], common);
  const retryStrategy = (times: number): number => Math.min(100 * times, 2_000);
  return redis.duplicate({ ...common, autoResubscribe: false, retryStrategy });
}

function isCluster(redis: Redis | Cluster): redis is Cluster {
  return redis.isCluster;
}
