import type { Transport, TransportSendOptions } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage, MessageExtraInfo } from "@modelcontextprotocol/sdk/types.js";
import { pinVersion } from "../era.js";
import type { FaultController } from "../fault-controller.js";
import { floodStderr } from "../stdio/stdio-output.js";

type Id = string | number;

/** A transport of the SDK whose messages are journalled, and sometimes late or lost. */
export class FaultyTransport implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: (<T extends JSONRPCMessage>(message: T, extra?: MessageExtraInfo) => void) | undefined;
  readonly #inner: Transport;
  readonly #controller: FaultController;
  readonly #session: string;
  /** Requests not yet answered, with their tool. */
  readonly #open = new Map<Id, string | undefined>();
  readonly #withheld = new Map<Id, () => void>();

  constructor(inner: Transport, controller: FaultController, session: string) {
    this.#inner = inner;
    this.#controller = controller;
    this.#session = session;
  }

  get sessionId(): string | undefined {
    return this.#inner.sessionId;
  }

  /** Whether a request is being worked on. */
  get isBusy(): boolean {
    return this.#open.size > 0;
  }

  async start(): Promise<void> {
    this.#inner.onmessage = (message, extra) => this.#receive(message, extra);
    this.#inner.onclose = () => this.onclose?.();
    this.#inner.onerror = (error) => this.onerror?.(error);
    await this.#inner.start();
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (this.#controller.faults.hangEverything) return;
    if ("id" in message && message.id !== undefined && !("method" in message)) {
      const tool = this.#open.get(message.id);
      this.#open.delete(message.id);
      if (tool !== undefined && this.#controller.host.ownsProcess) floodStderr(this.#controller.faults.stderrFlood);
      const lost = this.#withheld.get(message.id);
      if (lost !== undefined) {
        this.#withheld.delete(message.id);
        lost();
        return;
      }
    }
    await this.#inner.send(message, options);
    this.#controller.touch();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  /** Swallows the answer to a request; resolves when it would have been sent. */
  withhold(id: Id): Promise<void> {
    return new Promise((resolve) => this.#withheld.set(id, resolve));
  }

  #receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    this.#record(message);
    const { faults } = this.#controller;
    const starts = "method" in message && message.method === "initialize";
    if (faults.hangEverything || (starts && faults.hangInitialize)) return;
    const pinned = pinVersion(message, faults.versions);
    if (starts && faults.startDelayMs > 0) {
      setTimeout(() => this.onmessage?.(pinned, extra), faults.startDelayMs);
    } else {
      this.onmessage?.(pinned, extra);
    }
  }

  #record(message: JSONRPCMessage): void {
    const session = this.#session;
    if (!("method" in message)) return;
    const { method, params } = message;
    if (!("id" in message)) {
      this.#controller.journal.write({ event: "notification", method, session });
      const cancelled = method === "notifications/cancelled" ? params?.requestId : undefined;
      if (typeof cancelled === "string" || typeof cancelled === "number") this.#cancel(cancelled);
    } else if (method === "initialize") {
      this.#open.set(message.id, undefined);
      this.#controller.journal.write({ event: "initialize", id: message.id, session });
    } else {
      const name = method === "tools/call" ? params?.name : undefined;
      const tool = typeof name === "string" ? name : undefined;
      this.#open.set(message.id, tool);
      this.#controller.journal.write({ event: "request", method, tool, id: message.id, session });
    }
    this.#controller.touch();
  }

  #cancel(id: Id): void {
    const tool = this.#open.get(id);
    if (!this.#open.delete(id)) return;
    if (tool !== undefined) this.#controller.journal.write({ event: "cancelled", tool, id });
    this.#withheld.get(id)?.();
    this.#withheld.delete(id);
  }
}
