/** The lists that a server can have. */
export type ListName = "tools" | "resources" | "prompts";

const listNames: readonly ListName[] = ["tools", "resources", "prompts"];

/** The request that fetches a page of a list. */
export function methodOf(list: ListName): string {
  return `${list}/list`;
}

/** The list that a notification says has changed. */
export function changedList(notification: string): ListName | undefined {
  return listNames.find((list) => notification === `notifications/${list}/list_changed`);
}
