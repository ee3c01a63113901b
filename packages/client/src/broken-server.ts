import { Pool } from "@minion/pool";
import type { Transport } from "./config/policy.js";
import type { ConfigError } from "./errors.js";
import type { ServerStatus } from "./status.js";

/** A server whose entry in a configuration cannot be used: it is there to say why, and every call of it is refused with that. */
export class BrokenServer {
  readonly name: string;
  readonly error: ConfigError;
  readonly #transport: Transport;
  readonly #since = Date.now();

  constructor(name: string, error: ConfigError, transport: Transport) {
    this.name = name;
    this.error = error;
    this.#transport = transport;
  }

  /** As an operator sees it: unavailable, with what is wrong with its entry. */
  status(): ServerStatus {
    const { code, message } = this.error;
    return {
      name: this.name,
      health: "unavailable",
      since: this.#since,
      transport: this.#transport,
      protocol: undefined,
      connected: false,
      tools: undefined,
      calls: { total: 0, succeeded: 0, failed: 0, cancelled: 0, inFlight: 0, retries: 0 },
      // The figures of a pool that never had anything to do.
      pool: new Pool<never>({ create: () => Promise.reject(this.error) }).stats(),
      cache: undefined,
      breaker: undefined,
      replicas: [],
      lastError: { at: this.#since, code, message },
      stderrTail: "",
      nextRetryAt: undefined,
    };
  }
}
