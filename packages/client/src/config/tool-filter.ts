import type { ToolFilter } from "./server-config.js";

/** Whether a filter lets a tool through; without `allow` it lets every tool through that it does not deny. */
export function allowsTool({ allow, deny }: ToolFilter, tool: string): boolean {
  return (allow === undefined || names(allow, tool)) && !(deny !== undefined && names(deny, tool));
}

/** Whole names; an entry of `*` means all. */
function names(list: readonly string[], tool: string): boolean {
  return list.includes(tool) || list.includes("*");
}
