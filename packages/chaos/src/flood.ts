import type { FaultController } from "./fault-controller.js";
import type { FloodKind } from "./faults.js";
import type { JsonObject } from "./json.js";

const tickMs = 10;
/** What one turn of the timer sends at most, whatever the rate: the event loop must turn. */
const mostPerTick = 10_000;

/** Sends what nobody asked for, at a rate, for as long as the fault `flood` is set. */
export class Flood {
  readonly #controller: FaultController;
  #kind: FloodKind = "none";
  #timer: NodeJS.Timeout | undefined;
  #sent = 0;
  #last = 0;
  #owed = 0;

  constructor(controller: FaultController) {
    this.#controller = controller;
    controller.onActivity(() => this.#follow());
    this.#follow();
  }

  stop(): void {
    clearInterval(this.#timer);
    if (this.#kind !== "none") this.#controller.struck("flood", `${this.#kind}: ${this.#sent} sent`);
    this.#kind = "none";
  }

  #follow(): void {
    const { flood, floodPerSecond } = this.#controller.faults;
    if (flood === this.#kind) return;
    this.stop();
    if (flood === "none") return;
    this.#kind = flood;
    this.#sent = 0;
    this.#owed = 0;
    this.#last = performance.now();
    this.#controller.struck("flood", `${flood} at ${floodPerSecond} per second`);
    this.#timer = setInterval(() => this.#tick(), tickMs).unref();
  }

  #tick(): void {
    const now = performance.now();
    this.#owed += ((now - this.#last) / 1_000) * this.#controller.faults.floodPerSecond;
    this.#last = now;
    const count = Math.min(Math.floor(this.#owed), mostPerTick);
    this.#owed = Math.min(this.#owed - count, mostPerTick);
    for (let sent = 0; sent < count; sent += 1) {
      this.#sent += 1;
      this.#controller.host.inject(messageOf(this.#kind, this.#sent));
    }
  }
}

/** One message of a flood; undefined is noise, which every transport has in a form of its own. */
function messageOf(kind: FloodKind, number: number): JsonObject | undefined {
  const jsonrpc = "2.0";
  switch (kind) {
    case "none":
    case "noise":
      return undefined;
    case "log":
      return {
        jsonrpc,
        method: "notifications/message",
        params: { level: "info", logger: "flood", data: `${number}` },
      };
    case "ping":
      return { jsonrpc, id: `flood-${number}`, method: "ping" };
    case "progress":
      return { jsonrpc, method: "notifications/progress", params: { progressToken: "flood", progress: number } };
    case "listChanged":
      return { jsonrpc, method: "notifications/tools/list_changed" };
    case "request":
      return {
        jsonrpc,
        id: `flood-${number}`,
        method: "sampling/createMessage",
        params: { messages: [{ role: "user", content: { type: "text", text: `${number}` } }], maxTokens: 1 },
      };
    case "answer":
      return { jsonrpc, id: `nobody-asked-${number}`, result: {} };
  }
}
