import { metaKeys } from "../era.js";
import type { FaultController, ListName } from "../fault-controller.js";
import type { Faults } from "../faults.js";
import { hasCapability } from "../features/capabilities.js";
import { type JsonObject, objectOf } from "../json.js";
import type { ModernRequest } from "./check-request.js";
import { ModernError } from "./modern-error.js";

/** Where the messages that belong to one request go. */
export interface Link {
  /** Sends a notification, or whatever else, before the answer. */
  readonly send: (message: JsonObject) => Promise<void>;
  /** Ends the way of the messages without an answer. */
  readonly cut: () => void;
  /** Aborts when the client cancels or is gone. */
  readonly signal: AbortSignal;
}

type End = "client" | "graceful" | "cut";

interface Subscription {
  readonly id: string | number;
  readonly granted: JsonObject;
  readonly link: Link;
  readonly end: (how: End) => void;
}

const members = {
  tools: "toolsListChanged",
  resources: "resourcesListChanged",
  prompts: "promptsListChanged",
} as const;

/** The open `subscriptions/listen` requests of the modern era. */
export class Subscriptions {
  readonly #controller: FaultController;
  readonly #open = new Set<Subscription>();

  constructor(controller: FaultController) {
    this.#controller = controller;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Serves one request until it ends; resolves with its result where it ends in good order, and otherwise with nothing. */
  async listen({ id, params }: ModernRequest, link: Link): Promise<JsonObject | undefined> {
    const { faults, journal } = this.#controller;
    if (faults.listen === "refuse") throw new ModernError(-32603, 200, "Too many subscriptions, as asked");
    const granted = faults.listen === "empty" ? {} : grant(objectOf(params.notifications), faults);
    const ended = new Promise<End>((resolve) => {
      const subscription: Subscription = { id, granted, link, end: resolve };
      this.#open.add(subscription);
      // From here on the request is no work that keeps the server from being idle.
      this.#controller.touch();
      link.signal.addEventListener("abort", () => resolve("client"), { once: true });
      if (link.signal.aborted) resolve("client");
      if (faults.listen !== "silent") this.#acknowledge(subscription);
    });
    const how = await ended;
    for (const one of this.#open) if (one.link === link) this.#open.delete(one);
    journal.write({ event: "unsubscribed", id, how });
    if (how === "graceful") return { _meta: { [metaKeys.subscription]: id } };
    if (how === "cut") link.cut();
    return undefined;
  }

  listChanged(count: number, list: ListName): void {
    for (const one of this.#open) {
      if (one.granted[members[list]] === true) tell(one, `notifications/${list}/list_changed`, {}, count);
    }
  }

  resourceUpdated(uri: string, count: number): void {
    for (const one of this.#open) {
      const { resourceSubscriptions } = one.granted;
      if (Array.isArray(resourceSubscriptions) && resourceSubscriptions.includes(uri)) {
        tell(one, "notifications/resources/updated", { uri }, count);
      }
    }
  }

  /** Ends all of them, with a result or without. */
  end(how: "graceful" | "cut"): void {
    for (const one of this.#open) one.end(how);
  }

  #acknowledge(one: Subscription): void {
    const { journal, faults } = this.#controller;
    journal.write({ event: "subscribed", id: one.id, granted: one.granted });
    tell(one, "notifications/subscriptions/acknowledged", { notifications: one.granted }, 1);
    if (one.granted.toolsListChanged === true) {
      tell(one, "notifications/tools/list_changed", {}, faults.listChangedOnInit);
    }
  }
}

/** The part of a wish that this server fulfils. */
function grant(wished: JsonObject, faults: Faults): JsonObject {
  const lists = (["tools", "resources", "prompts"] as const).filter(
    (list) => wished[members[list]] === true && !faults.noListChanged && hasCapability(faults, list),
  );
  const uris = Array.isArray(wished.resourceSubscriptions) ? wished.resourceSubscriptions : undefined;
  return {
    ...Object.fromEntries(lists.map((list) => [members[list], true])),
    ...(uris !== undefined && hasCapability(faults, "subscribe") && { resourceSubscriptions: uris }),
  };
}

function tell({ id, link }: Subscription, method: string, params: JsonObject, count: number): void {
  const message = { jsonrpc: "2.0", method, params: { ...params, _meta: { [metaKeys.subscription]: id } } };
  // A notification to a client that has just gone is nobody's failure.
  for (let sent = 0; sent < count; sent += 1) link.send(message).catch(() => {});
}
