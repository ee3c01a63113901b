import { isObject } from "../../untrusted.js";
import { Exchange } from "../exchange.js";
import type { Failure } from "../failure.js";
import { ignore } from "../quietly.js";
import { headerMismatch, isRpc } from "./protocol-errors.js";

const maxTools = 10_000;
const maxPages = 1_000;

/**
 * Which parameters of which tools go into headers, as the lists said that came by. Kept for one server and principal, since
 * another connection may have listed the tools than the one that calls them.
 */
export class ToolHeaders {
  readonly #parameters = new Map<string, readonly HeaderParameter[]>();
  readonly #onMalformed: (tool: string, problem: string) => void;

  /** `onMalformed` is told of each tool that is left out. */
  constructor(onMalformed: (tool: string, problem: string) => void) {
    this.#onMalformed = onMalformed;
  }

  /** Notes a page of tools. Returns it without those that must not be used. */
  note(page: unknown): unknown {
    if (!isObject(page) || !Array.isArray(page.tools)) return page;
    const tools: readonly unknown[] = page.tools;
    const kept = tools.filter((tool) => this.#noteTool(tool));
    return kept.length === tools.length ? page : { ...page, tools: kept };
  }

  /** The headers of a call with these arguments; those of a tool that was never listed are not known. */
  headersFor(tool: unknown, args: unknown): Record<string, string> {
    const parameters = typeof tool === "string" ? this.#parameters.get(tool) : undefined;
    return parameters === undefined ? {} : parameterHeaders(parameters, args);
  }

  #noteTool(tool: unknown): boolean {
    if (!isObject(tool) || typeof tool.name !== "string") return true;
    const { name, inputSchema } = tool;
    const parameters = headerParameters(inputSchema);
    this.#parameters.delete(name);
    if (typeof parameters === "string") {
      this.#onMalformed(name, parameters);
      return false;
    }
    if (parameters.length > 0 && this.#parameters.size < maxTools) this.#parameters.set(name, parameters);
    return true;
  }
}

/** One call of a tool, by whatever it is sent. */
export interface ToolCall {
  readonly tool: unknown;
  readonly toolHeaders: ToolHeaders;
  /** Sends the call with the headers that are known by now. Returns what takes it back. */
  readonly send: (exchange: Exchange) => () => void;
  /** Asks for a page of the tools, the first one without a cursor. */
  readonly list: (cursor: string | undefined) => Promise<unknown>;
}

/**
 * Sends a call of a tool by revision 2026-07-28 over HTTP. One whose headers were wrong was not run: the tools are listed
 * anew, and it is sent once more. Returns what takes it back.
 */
export function sendToolCall(call: ToolCall, outer: Exchange): () => void {
  let cancel = ignore;
  const send = (onFailed: (failure: Failure) => void): void => {
    cancel = call.send(following(outer, { onResult: (result) => outer.resolve(result), onFailed }));
  };
  send((failure) => {
    if (!isRpc(failure, headerMismatch) || outer.isOver) return outer.reject(failure);
    relist(call, outer).then(
      () => {
        if (!outer.isOver) send((second) => outer.reject(second));
      },
      () => outer.reject(failure),
    );
  });
  return () => cancel();
}

/** A list leaves out the tools that cannot be called properly. */
export function sendToolList(toolHeaders: ToolHeaders, send: ToolCall["send"], outer: Exchange): () => void {
  return send(
    following(outer, {
      onResult: (page) => outer.resolve(toolHeaders.note(page)),
      onFailed: (failure) => outer.reject(failure),
    }),
  );
}

/** Lists the tools until the one that is wanted has come by. */
async function relist({ tool, toolHeaders, list }: ToolCall, outer: Exchange): Promise<void> {
  let cursor: string | undefined;
  for (let count = 0; count < maxPages && !outer.isOver; count++) {
    const page = await list(cursor);
    toolHeaders.note(page);
    if (!isObject(page) || typeof page.nextCursor !== "string" || page.nextCursor === cursor) return;
    if (Array.isArray(page.tools) && page.tools.some((one) => isObject(one) && one.name === tool)) return;
    cursor = page.nextCursor;
  }
}

/** An exchange for one of several requests that stand for one: it tells `outer` all but its end. */
export function following(
  outer: Exchange,
  ends: { readonly onResult: (result: unknown) => void; readonly onFailed: (failure: Failure) => void },
): Exchange {
  return new Exchange({
    ...ends,
    onStarted: () => outer.markStarted(),
    onSent: () => outer.markSent(),
    onProgress: outer.onProgress,
    call: outer.call,
  });
}

/** A parameter of a tool that goes into a header too (SEP-2243). */
export interface HeaderParameter {
  /** The header, in lower case. */
  readonly header: string;
  /** Where its value stands in the arguments. */
  readonly path: readonly string[];
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const types: readonly unknown[] = ["string", "integer", "boolean"];
/** Keywords whose value is a schema or a list of schemas, and those whose value is an object of schemas. */
const schemaKeywords: ReadonlySet<string> = new Set([
  ...["additionalItems", "additionalProperties", "allOf", "anyOf", "contains", "contentSchema", "else", "if", "items"],
  ...["not", "oneOf", "prefixItems", "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties"],
]);
const mapKeywords: ReadonlySet<string> = new Set(["$defs", "definitions", "dependentSchemas", "patternProperties"]);
/** A parameter lies no deeper: what is not looked for costs nothing, however deep a schema is. */
const maxDepth = 100;

/** The way from the root of a schema through `properties` alone. */
interface Path {
  readonly depth: number;
  readonly name: string;
  readonly before: Path | undefined;
}

interface Place {
  readonly schema: unknown;
  /** Undefined where the schema is not reached from the root through `properties` alone. */
  readonly path: Path | undefined;
}

const root: Path = { depth: 0, name: "", before: undefined };

/** The parameters that an input schema marks with `x-mcp-header`; a string says why the tool must not be used. */
export function headerParameters(inputSchema: unknown): readonly HeaderParameter[] | string {
  const found = new Map<string, HeaderParameter>();
  const open: Place[] = [{ schema: inputSchema, path: root }];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    const { schema, path } = place;
    if (Array.isArray(schema)) for (const one of schema) open.push({ schema: one, path: undefined });
    if (!isObject(schema)) continue;
    if (Object.hasOwn(schema, "x-mcp-header")) {
      const problem = problemOf(schema, path, found);
      if (problem !== undefined) return problem;
      const header = `mcp-param-${String(schema["x-mcp-header"])}`.toLowerCase();
      found.set(header, { header, path: namesOf(path) });
    }
    openInside(schema, path, open);
  }
  return [...found.values()];
}

/** Adds the schemas in a schema to those that are still to be looked at. */
function openInside(schema: Readonly<Record<string, unknown>>, path: Path | undefined, open: Place[]): void {
  for (const keyword of Object.keys(schema)) {
    const value = schema[keyword];
    if (schemaKeywords.has(keyword)) open.push({ schema: value, path: undefined });
    else if (keyword !== "properties" && !mapKeywords.has(keyword)) continue;
    else if (isObject(value))
      for (const name of Object.keys(value)) {
        const inner = keyword === "properties" && path && { depth: path.depth + 1, name, before: path };
        open.push({ schema: value[name], path: inner || undefined });
      }
  }
}

function namesOf(path: Path | undefined): readonly string[] {
  const names: string[] = [];
  for (let at = path; at !== undefined && at !== root; at = at.before) names.unshift(at.name);
  return names;
}

function problemOf(
  schema: Readonly<Record<string, unknown>>,
  path: Path | undefined,
  found: ReadonlyMap<string, HeaderParameter>,
): string | undefined {
  const name = schema["x-mcp-header"];
  if (typeof name !== "string" || !token.test(name)) return "an x-mcp-header of its inputSchema is not a header name";
  if (found.has(`mcp-param-${name}`.toLowerCase())) return `its inputSchema has the x-mcp-header "${name}" twice`;
  if (path === undefined || path === root || path.depth > maxDepth)
    return `the x-mcp-header "${name}" of its inputSchema does not belong to a property`;
  if (!types.includes(schema.type))
    return `the x-mcp-header "${name}" of its inputSchema belongs to a property that is not a string, an integer or a boolean`;
  return undefined;
}

/** The headers that go with a call. What has no value in the arguments has no header. */
export function parameterHeaders(parameters: readonly HeaderParameter[], args: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { header, path } of parameters) {
    const text = textOf(path.reduce<unknown>((at, name) => (isOwn(at, name) ? at[name] : undefined), args));
    if (text !== undefined) headers[header] = encodedHeader(text);
  }
  return headers;
}

/** A value as a header can carry it: in base64, marked as such, where it is not plain printable text. */
export function encodedHeader(value: string): string {
  const isPlain = /^[!-~](?:[\t -~]*[!-~])?$/.test(value) && !/^=\?base64\?.*\?=$/.test(value);
  return isPlain ? value : `=?base64?${Buffer.from(value, "utf8").toString("base64")}?=`;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "boolean" || Number.isSafeInteger(value) ? String(value) : undefined;
}

function isOwn(value: unknown, name: string): value is Record<string, unknown> {
  return isObject(value) && Object.hasOwn(value, name);
}
