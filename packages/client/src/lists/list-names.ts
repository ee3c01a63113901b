import type { ListName } from "../interfaces.js";

interface Kind {
  readonly method: string;
  /** What a server declares that has this list. */
  readonly capability: string;
}

const kinds: Readonly<Record<ListName, Kind>> = {
  tools: { method: "tools/list", capability: "tools" },
  resources: { method: "resources/list", capability: "resources" },
  resourceTemplates: { method: "resources/templates/list", capability: "resources" },
  prompts: { method: "prompts/list", capability: "prompts" },
};

/** A change of lists that a server tells of. */
export interface ListChange {
  /** The list that the notification names. */
  readonly list: Exclude<ListName, "resourceTemplates">;
  /** The lists that are out of date by it. */
  readonly outdated: readonly ListName[];
}

const changes: ReadonlyMap<string, ListChange> = new Map<string, ListChange>([
  ["notifications/tools/list_changed", { list: "tools", outdated: ["tools"] }],
  ["notifications/resources/list_changed", { list: "resources", outdated: ["resources", "resourceTemplates"] }],
  ["notifications/prompts/list_changed", { list: "prompts", outdated: ["prompts"] }],
]);

/** The request that fetches a page of a list. */
export function methodOf(list: ListName): string {
  return kinds[list].method;
}

/** The capability of a server that has this list. */
export function capabilityOf(list: ListName): string {
  return kinds[list].capability;
}

/** The change that a notification tells of; undefined where it is about something else. */
export function changeOf(notification: string): ListChange | undefined {
  return changes.get(notification);
}
