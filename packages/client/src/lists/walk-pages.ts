import type { Call, CallSubject } from "../call.js";
import type { EventBody } from "../events.js";
import type { ListName } from "../interfaces.js";
import { Failure } from "../session/failure.js";
import { isObject, textOf } from "../untrusted.js";
import { CachedList, type ListItem } from "./cached-list.js";
import { capabilityOf, methodOf } from "./list-names.js";

const maxTtlMs = 86_400_000;
const maxPages = 1_000;
/** What is deeper cannot be copied or written as JSON by everybody: such an entry helps nobody. */
const maxLevels = 1_000;
/** A list of nothing but malformed entries is not told entry by entry. */
const maxReports = 100;

/** How the pages of a list are fetched, and who is told of entries that are left out. */
export interface Walk {
  readonly list: ListName;
  readonly fetchPage: (cursor: string | undefined) => Promise<unknown>;
  /** Told of entries that are left out, and of a list that ends although the server names a further page. */
  readonly emit?: ((event: EventBody) => void) | undefined;
  /** How long a page is good for that does not say so itself; without it nothing is known of that. Asked after each page. */
  readonly silentTtlMs?: (() => number | undefined) | undefined;
  /** Items, and about as many characters, of all pages together. */
  readonly limits: { readonly maxListItems: number; readonly maxMessageBytes: number };
}

/**
 * Fetches all pages of a list. Entries that are no valid ones are left out and reported, the others kept. Rejects as
 * `fetchPage` does, or with a `Failure` where a page is no page or the list has no end: half a list is never kept.
 */
export async function walkPages({ list, fetchPage, emit, silentTtlMs, limits }: Walk): Promise<CachedList> {
  const items: Readonly<Record<string, unknown>>[] = [];
  let entriesSeen = 0;
  let size = 0;
  let reports = 0;
  const names = new Set<unknown>();
  const seen = new Set<string>();
  let ttlMs: number | undefined;
  const scopes = new Set<unknown>();
  let cursor: string | undefined;
  let before: string | undefined;
  do {
    const page = await fetchPage(cursor);
    const entries: unknown = isObject(page) ? page[list] : undefined;
    if (!isObject(page) || !Array.isArray(entries)) throw invalid(`its answer has no ${list}`);
    const content = entries.flatMap(placeOf).join("\n");
    // A server that ignores cursors gives its only page again, with the cursor that it was asked for.
    if (content !== "" && content === before && page.nextCursor === cursor) {
      // An empty cursor is one; but of many a server it means that there is no further page.
      if (cursor !== "")
        emit?.({ type: "listCutShort", list, message: "a page came again, so that the list ends there" });
      break;
    }
    before = content;
    entriesSeen += entries.length;
    if (entriesSeen > limits.maxListItems)
      throw tooLong(`a list of more than ${limits.maxListItems} ${list} (maxListItems)`);
    for (const entry of entries) {
      const { characters, levels } = deepFreeze(entry);
      size += characters;
      const problem =
        levels > maxLevels
          ? `it is nested more than ${maxLevels} levels deep`
          : isObject(entry)
            ? (problemOf(list, entry) ?? repeated(list, names, entry))
            : "it is not an object";
      if (problem === undefined) items.push(entry);
      else if (reports < maxReports) emit?.({ type: "malformedTool", tool: nameOf(entry), message: problem });
      if (problem !== undefined) reports += 1;
    }
    if (size > limits.maxMessageBytes)
      throw tooLong(`a list of more than ${limits.maxMessageBytes} bytes in all (maxMessageBytes)`);
    ttlMs = shorter(ttlMs, typeof page.ttlMs === "number" ? page.ttlMs : silentTtlMs?.());
    scopes.add(page.cacheScope);
    cursor = typeof page.nextCursor === "string" ? page.nextCursor : undefined;
    if (cursor === undefined) {
      if (page.nextCursor !== undefined && page.nextCursor !== null)
        emit?.({ type: "listCutShort", list, message: "the cursor of a page is no text, so that the list ends there" });
      break;
    }
    if (seen.has(cursor)) {
      emit?.({ type: "listCutShort", list, message: "the cursor of a page came again, so that the list ends there" });
      break;
    }
    seen.add(cursor);
    if (seen.size >= maxPages) throw tooLong(`a list of more than ${maxPages} pages`);
  } while (cursor !== undefined);
  return new CachedList(list, Object.freeze(items), { ttlMs, cacheScope: narrowest(scopes) });
}

/** A hint of any page holds for the whole list; the shortest counts (SEP-2549, at most a day). */
function shorter(known: number | undefined, hint: unknown): number | undefined {
  if (typeof hint !== "number" || Number.isNaN(hint)) return known;
  const ms = Math.min(Math.max(hint, 0), maxTtlMs);
  return known === undefined ? ms : Math.min(known, ms);
}

/** One page for one caller makes a list for one caller, and a page that says nothing makes a list of which nothing is said. */
function narrowest(scopes: ReadonlySet<unknown>): CachedList["cacheScope"] {
  if (scopes.has("private")) return "private";
  return scopes.size === 1 && scopes.has("public") ? "public" : undefined;
}

/** What is wrong with an entry of a list; undefined where it is valid. */
export function problemOf(list: ListName, entry: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof entry.name !== "string" || entry.name === "") return "its name is not a non-empty string";
  for (const key of ["title", "description"]) {
    if (entry[key] !== undefined && typeof entry[key] !== "string") return `its ${key} is not a string`;
  }
  if (list === "resources" && typeof entry.uri !== "string") return "its uri is not a string";
  if (list === "resourceTemplates" && typeof entry.uriTemplate !== "string") return "its uriTemplate is not a string";
  if (list === "prompts" && entry.arguments !== undefined && !Array.isArray(entry.arguments))
    return "its arguments are not an array";
  if (list !== "tools") return undefined;
  if (!isObjectSchema(entry.inputSchema)) return "its inputSchema is no schema of an object";
  const { outputSchema } = entry;
  // Of any kind (SEP-2106); what cannot be made out of it is told when the tool is called.
  if (outputSchema !== undefined && typeof outputSchema !== "boolean" && !isObject(outputSchema))
    return "its outputSchema is not a schema";
  return entry.annotations === undefined || isObject(entry.annotations)
    ? undefined
    : "its annotations are not an object";
}

/** Tools and prompts are called by their names: of two with the same name the first is the one. */
function repeated(list: ListName, names: Set<unknown>, { name }: ListItem): string | undefined {
  if (list !== "tools" && list !== "prompts") return undefined;
  if (names.has(name)) return "another entry of the list before it has its name";
  names.add(name);
  return undefined;
}

function isObjectSchema(value: unknown): boolean {
  return isObject(value) && value.type === "object";
}

/** What no two entries of a list have in common; none where that is no text. */
function placeOf(entry: unknown): string | readonly [] {
  const place = isObject(entry) ? (entry.uri ?? entry.uriTemplate ?? entry.name) : undefined;
  return typeof place === "string" ? place : [];
}

function nameOf(entry: unknown): string {
  const name = isObject(entry) ? entry.name : entry;
  return textOf(name ?? "without a name").slice(0, 200);
}

/** What is shared among callers must not be changed by one of them. Tells about how many characters it has, and how deep it is. */
export function deepFreeze(value: unknown): { readonly characters: number; readonly levels: number } {
  let level: unknown[] = [value];
  let characters = 0;
  let levels = 0;
  for (; level.length > 0; levels++) {
    const next: unknown[] = [];
    for (const one of level) {
      if (typeof one === "string") characters += one.length + 3;
      else characters += 4;
      if (typeof one !== "object" || one === null || Object.isFrozen(one)) continue;
      Object.freeze(one);
      if (Array.isArray(one)) {
        characters += one.length;
        for (const inner of one) next.push(inner);
        continue;
      }
      for (const key of Object.keys(one)) {
        characters += key.length + 4;
        next.push(Reflect.get(one, key));
      }
    }
    level = next;
  }
  return { characters, levels };
}

function tooLong(problem: string): Failure {
  return new Failure("too-large", problem, { delivery: "sent" });
}

function invalid(problem: string): Failure {
  return new Failure("invalid-result", problem, { delivery: "sent" });
}

/** Asks for a page of a list, the first one without a cursor. A server that does not declare the list is not asked: it is empty. */
export function listCall(list: ListName): CallSubject {
  const method = methodOf(list);
  return {
    method,
    what: method,
    isSafe: true,
    needs: { capability: capabilityOf(list), otherwise: { [list]: [] } },
  };
}

/** Fetches all pages of a list by calls that differ in nothing but the cursor. */
export function walkList(
  list: ListName,
  call: Call,
  send: (page: Call) => Promise<unknown>,
  options: Pick<Walk, "emit" | "silentTtlMs" | "limits">,
): Promise<CachedList> {
  const fetchPage = (cursor: string | undefined): Promise<unknown> =>
    send(cursor === undefined ? call : { ...call, params: { ...call.params, cursor } });
  return walkPages({ list, fetchPage, ...options });
}
