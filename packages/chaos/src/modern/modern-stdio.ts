import type { Transport, TransportSendOptions } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage, MessageExtraInfo } from "@modelcontextprotocol/sdk/types.js";
import { isForModern } from "../era.js";
import type { FaultController } from "../fault-controller.js";
import type { JsonObject } from "../json.js";
import { ModernDialect } from "./modern-dialect.js";
import type { Link } from "./subscriptions.js";

type Id = string | number;

/**
 * Stands between a stdio transport and the session of the legacy era. The first message decides the era of the
 * connection; what belongs to the modern one is answered here, and the session sees the rest.
 */
export class ModernStdio implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: (<T extends JSONRPCMessage>(message: T, extra?: MessageExtraInfo) => void) | undefined;
  readonly dialect: ModernDialect;
  readonly #controller: FaultController;
  readonly #inner: Transport;
  readonly #write: (message: JsonObject) => Promise<void>;
  readonly #open = new Map<Id, AbortController>();
  #era: "open" | "legacy" | "modern" = "open";

  /** @param write writes a message to the client as it is: the SDK's transport checks what it sends, and faults do not pass */
  constructor(controller: FaultController, inner: Transport, write: (message: JsonObject) => Promise<void>) {
    this.#write = write;
    this.#controller = controller;
    this.#inner = inner;
    this.dialect = new ModernDialect(controller, "stdio");
  }

  /** Whether the connection is of the modern era. */
  get isPinned(): boolean {
    return this.#era === "modern";
  }

  async start(): Promise<void> {
    this.#inner.onmessage = (message, extra) => this.#receive(message, extra);
    this.#inner.onclose = () => this.onclose?.();
    this.#inner.onerror = (error) => this.onerror?.(error);
    await this.#inner.start();
  }

  send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    return this.#inner.send(message, options);
  }

  async close(): Promise<void> {
    for (const stop of this.#open.values()) stop.abort(new Error("the connection is closed"));
    await this.#inner.close();
  }

  #receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (this.#era === "open" && "method" in message) {
      this.#era = isForModern(this.#controller.faults, message, undefined) ? "modern" : "legacy";
    }
    if (this.#era !== "modern") this.onmessage?.(message, extra);
    else if (!("method" in message)) this.onerror?.(new Error("the modern era has no responses of clients"));
    else if ("id" in message)
      this.#answer({ ...message }, message.id).catch((error: unknown) => this.onerror?.(new Error(String(error))));
    else {
      this.dialect.notified(message.method);
      const id = message.method === "notifications/cancelled" ? message.params?.requestId : undefined;
      if (typeof id === "string" || typeof id === "number") this.#open.get(id)?.abort(new Error("cancelled"));
    }
  }

  async #answer(message: JsonObject, id: Id): Promise<void> {
    const stop = new AbortController();
    const link: Link = {
      send: this.#write,
      // Over stdio a subscription that ends without a result is called off by its id.
      cut: () => void this.#write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id } }),
      signal: stop.signal,
    };
    this.#open.set(id, stop);
    const response = await this.dialect.answer(message, undefined, link);
    this.#open.delete(id);
    if (response === undefined) return;
    await this.#write(response.message);
    this.#controller.touch();
  }
}
