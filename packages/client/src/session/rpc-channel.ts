import type { JSONRPCMessage, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { ConnectionRequest } from "./connection.js";
import { Exchange } from "./exchange.js";
import type { Exchanges } from "./exchanges.js";
import type { Failure } from "./failure.js";
import { forget } from "./quietly.js";
import type { RpcOutcome } from "./server-requests.js";
import type { MessageHeaders, Wire } from "./wire.js";

/** Numbers the requests of one connection, sends messages, and ties each request to its exchange. */
export class RpcChannel {
  readonly #wire: Wire;
  readonly #exchanges: Exchanges;
  readonly #failureOf: (error: unknown, exchange: Exchange) => Failure;
  #lastId = 0;

  constructor(options: {
    readonly wire: Wire;
    readonly exchanges: Exchanges;
    readonly failureOf: (error: unknown, exchange: Exchange) => Failure;
  }) {
    this.#wire = options.wire;
    this.#exchanges = options.exchanges;
    this.#failureOf = options.failureOf;
  }

  /** Sends a request. Returns its id. Throws where the parameters cannot be written as JSON: then nothing has begun. */
  post({ method, params }: ConnectionRequest, exchange: Exchange, headers?: MessageHeaders): number {
    this.#lastId += 1;
    const id = this.#lastId;
    const message: JSONRPCMessage = { jsonrpc: "2.0", id, method, ...(params !== undefined && { params }) };
    const sending = this.#wire.send(message, exchange, headers);
    this.#exchanges.add(exchange, id);
    sending.catch((error) => {
      exchange.fail(this.#failureOf(error, exchange));
      this.#exchanges.drop(id);
    });
    return id;
  }

  /** Sends a request of the client's own. Rejects with a `Failure`. */
  call(method: string, params: Record<string, unknown> | undefined, headers?: MessageHeaders): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.post({ method, params }, new Exchange({ onResult: resolve, onFailed: reject }), headers);
    });
  }

  /** Forgets a request: its answer is not awaited any more. */
  drop(id: number): void {
    this.#exchanges.drop(id);
  }

  /** Rejects where it cannot be sent. */
  notify(method: string, params?: Record<string, unknown>): Promise<void> {
    return this.#wire.send({ jsonrpc: "2.0", method, ...(params !== undefined && { params }) }, undefined);
  }

  /** Answers a request of the server. */
  answer(id: RequestId, outcome: RpcOutcome): void {
    const message: JSONRPCMessage =
      "result" in outcome
        ? { jsonrpc: "2.0", id, result: outcome.result }
        : { jsonrpc: "2.0", id, error: outcome.error };
    forget(this.#wire.send(message, undefined));
  }
}
