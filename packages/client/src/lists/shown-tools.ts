import type { ToolFilter } from "../config/server-config.js";
import { allowsTool } from "../config/tool-filter.js";
import { CachedList } from "./cached-list.js";

/** Makes what leaves out of a list of tools those that a filter does not let through: of one list always the same part. */
export function shownTools(filter: ToolFilter): (list: CachedList) => CachedList {
  if (filter.allow === undefined && filter.deny === undefined) return (list) => list;
  const shown = new WeakMap<CachedList, CachedList>();
  return (list) => {
    if (list.list !== "tools") return list;
    const known = shown.get(list);
    if (known !== undefined) return known;
    const items = list.items.filter(({ name }) => allowsTool(filter, String(name)));
    const part = new CachedList("tools", Object.freeze(items), list);
    shown.set(list, part);
    return part;
  };
}
