import type { BreakerState, StateChange } from "@minion/breaker";
import type { ListName } from "./interfaces.js";

/** What an operator can be told of a server: well, working with trouble, not to be reached, or not in use. */
export type Health = "healthy" | "degraded" | "unavailable" | "idle";

/** Of which server an event tells, and when it happened, in epoch milliseconds. */
interface EventOrigin {
  readonly server: string;
  readonly at: number;
}

/** A call has ended, all its attempts included. */
export interface CallFinished extends EventOrigin {
  readonly type: "callFinished";
  /** The MCP method: `tools/call`, `tools/list` ... */
  readonly method: string;
  /** The tool's own name, for `tools/call`. */
  readonly tool: string | undefined;
  /**
   * Milliseconds that it waited for the server, to connect and to answer, in all attempts: without this client's queue and
   * pauses. Undefined where it never came to that, as where the breaker refused it.
   */
  readonly durationMs: number | undefined;
  readonly attempts: number;
  readonly outcome: "success" | "error" | "cancelled";
  /** Undefined on success; a JSON-RPC code as text, "tool_error" for an isError result, else the error's code or name. */
  readonly errorType: string | undefined;
  /** What the caller was told, the server's own words included, secrets masked; undefined where the call did not reject. */
  readonly message: string | undefined;
}

/** A server's health has changed. */
export interface HealthChanged extends EventOrigin {
  readonly type: "health";
  readonly from: Health;
  readonly to: Health;
  readonly reason: string;
}

/** A connection is open. */
export interface SessionOpened extends EventOrigin {
  readonly type: "sessionOpened";
  readonly replica: number;
  readonly durationMs: number;
}

/** A connection has ended. */
export interface SessionClosed extends EventOrigin {
  readonly type: "sessionClosed";
  readonly replica: number;
  /** Why: a reason of the pool, or how it died. */
  readonly reason: string;
  /** How long it was open. */
  readonly durationMs: number;
}

/** A list was fetched from the server. */
export interface ListRefreshed extends EventOrigin {
  readonly type: "listRefreshed";
  readonly list: ListName;
  readonly count: number;
  /** Names that the list fetched before did not have, and names that it had. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly durationMs: number;
}

/** The server says that a list has changed: what was cached of it is gone, and whoever shows the list should ask for it again. */
export interface ListChanged extends EventOrigin {
  readonly type: "listChanged";
  /** "resources" stands for the resource templates too, as their notification does. */
  readonly list: "tools" | "resources" | "prompts";
  /** On whose behalf the connection was opened over which the server said so. */
  readonly principal: string | undefined;
}

/** The server sent a notification that is neither progress nor a change of a list: `notifications/message` and the like. */
export interface ServerNotification extends EventOrigin {
  readonly type: "serverNotification";
  /** The method of the notification. */
  readonly method: string;
  /** What the server sent with it, secrets masked. Untrusted; undefined where there is nothing. */
  readonly params: unknown;
  /** On whose behalf the connection was opened that it came over. */
  readonly principal: string | undefined;
}

/** A server lists something that is no valid tool, or a tool whose qualified name another has too; it is left out. */
export interface MalformedTool extends EventOrigin {
  readonly type: "malformedTool";
  readonly tool: string;
  readonly message: string;
}

/** A list ends although the server says that there is more, since what it says leads nowhere. */
export interface ListCutShort extends EventOrigin {
  readonly type: "listCutShort";
  readonly list: ListRefreshed["list"];
  readonly message: string;
}

/** A tool's structured content was not checked, or does not fit and `outputSchemas` is "report"; the result was returned. */
export interface SchemaSkipped extends EventOrigin {
  readonly type: "schemaSkipped";
  readonly tool: string;
  readonly message: string;
}

/** A call is about to be repeated. */
export interface CallRetried extends EventOrigin {
  readonly type: "retry";
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  readonly delayMs: number;
  readonly errorType: string;
}

/** A breaker has changed its state. */
export interface BreakerChanged extends EventOrigin {
  readonly type: "breaker";
  readonly replica: number;
  readonly from: BreakerState;
  readonly to: BreakerState;
  readonly reason: StateChange["reason"];
}

/** A configuration has a key that has no effect here. `client.configReport` has all of them. */
export interface ConfigKeyIgnored extends EventOrigin {
  readonly type: "configKeyIgnored";
  readonly key: string;
  /** What follows from that. */
  readonly why: string;
}

/** Something happened; told to `onEvent` and to every subscriber. */
export type ClientEvent =
  | CallFinished
  | HealthChanged
  | SessionOpened
  | SessionClosed
  | ListRefreshed
  | ListChanged
  | ServerNotification
  | MalformedTool
  | SchemaSkipped
  | ListCutShort
  | CallRetried
  | BreakerChanged
  | ConfigKeyIgnored;

/** An event before its server and its time are known to it. */
export type EventBody = ClientEvent extends infer E
  ? E extends ClientEvent
    ? Omit<E, keyof EventOrigin>
    : never
  : never;

/** Tells events to whoever listens. A listener that throws or rejects changes nothing. */
export class Events {
  /** Whether anybody listens. A field, since every call looks at it several times. */
  isHeard = false;
  readonly #listeners = new Set<(event: ClientEvent) => void>();

  subscribe(listener: (event: ClientEvent) => void): () => void {
    // Wrapped, so that a listener that subscribes twice is told twice and unsubscribes one by one.
    const own = (event: ClientEvent): void => listener(event);
    this.#listeners.add(own);
    this.isHeard = true;
    return () => {
      this.#listeners.delete(own);
      this.isHeard = this.#listeners.size > 0;
    };
  }

  emit(event: ClientEvent): void {
    for (const listener of this.#listeners) {
      try {
        const returned: unknown = Reflect.apply(listener, undefined, [event]);
        if (returned instanceof Promise) returned.catch(() => {});
      } catch {}
    }
  }
}
