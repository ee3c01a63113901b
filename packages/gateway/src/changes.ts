import type { ServerEvent } from "@modelcontextprotocol/server";

/** A list that can change. */
export type ChangingList = "tools" | "prompts" | "resources";

const kinds = {
  tools: "tools_list_changed",
  prompts: "prompts_list_changed",
  resources: "resources_list_changed",
} as const;

/** How long further changes of a list are gathered after one was told: G8 wants each told within a second. */
const quietMs = 900;

/**
 * Tells every stream of changes. The first change of a list is told at once; those that follow within {@link quietMs}
 * are told together at its end, so that a storm makes two messages.
 */
export class Changes {
  readonly #listeners = new Set<(event: ServerEvent, owner?: string) => void>();
  /** The lists that were told lately, and whether they have changed again since. */
  readonly #quiet = new Map<ServerEvent["kind"], { timer: NodeJS.Timeout; again: boolean }>();

  /** How many streams are told. */
  get streams(): number {
    return this.#listeners.size;
  }

  /** A list has changed. */
  changed(list: ChangingList): void {
    this.publish({ kind: kinds[list] });
  }

  /** Tells everybody of a change; of one of a resource that has an owner, only its owner's streams. */
  publish(event: ServerEvent, owner?: string): void {
    if (event.kind === "resource_updated") {
      this.#tell(event, owner);
      return;
    }
    const quiet = this.#quiet.get(event.kind);
    if (quiet !== undefined) {
      quiet.again = true;
      return;
    }
    const timer = setTimeout(() => {
      const { again } = this.#quiet.get(event.kind) ?? { again: false };
      this.#quiet.delete(event.kind);
      if (again) this.publish(event);
    }, quietMs);
    timer.unref();
    this.#quiet.set(event.kind, { timer, again: false });
    this.#tell(event);
  }

  /** A listener is told of what is for everybody, and of what the principal owns. */
  subscribe(listener: (event: ServerEvent) => void, principal?: string): () => void {
    const scoped = (event: ServerEvent, owner?: string): void => {
      if (owner === undefined || owner === principal) listener(event);
    };
    this.#listeners.add(scoped);
    return () => void this.#listeners.delete(scoped);
  }

  close(): void {
    for (const { timer } of this.#quiet.values()) clearTimeout(timer);
    this.#quiet.clear();
    this.#listeners.clear();
  }

  #tell(event: ServerEvent, owner?: string): void {
    for (const listener of [...this.#listeners])
      try {
        listener(event, owner);
      } catch {
        // One stream that cannot be written to keeps no other from being told.
      }
  }
}

/** The notification by which an event is told. */
export function notificationOf(event: ServerEvent): {
  readonly method: string;
  readonly params?: { readonly uri: string };
} {
  if (event.kind === "resource_updated")
    return { method: "notifications/resources/updated", params: { uri: event.uri } };
  return { method: `notifications/${event.kind.replace("_list_", "/list_")}` };
}
