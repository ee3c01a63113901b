import type { Call } from "../call.js";
import type { ListName } from "../interfaces.js";
import { withCursor } from "../request.js";
import type { CachedList } from "./cached-list.js";
import { type Walk, walkPages } from "./walk-pages.js";

/** Fetches all pages of a list by calls that differ in nothing but the cursor. */
export function walkList(
  list: ListName,
  call: Call,
  send: (page: Call) => Promise<unknown>,
  options: Pick<Walk, "emit" | "limits">,
): Promise<CachedList> {
  const fetchPage = (cursor: string | undefined): Promise<unknown> =>
    send(cursor === undefined ? call : withCursor(call, cursor));
  return walkPages({ list, fetchPage, ...options });
}
