import { isObject } from "../untrusted.js";

/** Members of messages that may be left out, by their names in all revisions of the protocol. */
const optional = new Set(
  (
    "_meta annotations arguments audience cacheScope completion content contents context cursor description error execution hasMore icons " +
    "includeContext instructions isError lastModified logger message metadata mimeType mode modelPreferences nextCursor " +
    "outputSchema priority progressToken reason readOnlyHint destructiveHint idempotentHint openWorldHint requestState required size sizes " +
    "stopReason stopSequences structuredContent systemPrompt task temperature theme title toolChoice total ttlMs version websiteUrl"
  ).split(" "),
);
/** Members in which further ones may be null. What servers define themselves (schemas, data, `_meta`) is left as it is. */
const containers = new Set(
  (
    "annotations arguments capabilities completion content contents icons messages prompts resource resources resourceTemplates serverInfo " +
    "tools logging completions sampling elicitation roots"
  ).split(" "),
);
/** Objects that may be left out, which a language without empty objects writes as an empty list. */
const objects = new Set(["annotations", "outputSchema", "execution"]);
const maxDepth = 6;

/**
 * A message as it is taken from here on: what a server wrote as null although it may be left out is left out, in every
 * message once and nowhere else; `params` that are null or a list, and a null `result`, stand for empty ones. A `_meta` that is
 * no object says nothing, and must not cost what it stands beside.
 */
export function arrived(message: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { params, result, error } = message;
  const isAnswer = !("method" in message);
  const isResult = isAnswer && "result" in message && (error === undefined || error === null);
  const taken = isResult
    ? (result ?? {})
    : message.method === "notifications/message" || message.method === undefined
      ? undefined
      : params;
  const clean = withoutNulls(taken, 0);
  const hasNulls =
    clean !== taken ||
    params === null ||
    Array.isArray(params) ||
    result === null ||
    error === null ||
    message.id === null;
  if (!hasNulls) return message;
  const copy: Record<string, unknown> = { ...message };
  if (!isAnswer) {
    if (clean !== taken) copy.params = clean;
    if (params === null || Array.isArray(params)) delete copy.params;
    if (message.id === null) delete copy.id;
    return copy;
  }
  if (isResult) {
    copy.result = clean;
    delete copy.error;
  } else if (result === null) delete copy.result;
  return copy;
}

/** Some servers write a word for an id where they did not get as far as that of the request. */
export function isErrorWithoutId(message: unknown): message is { readonly error: unknown } {
  if (!isObject(message) || "method" in message || !isObject(message.error)) return false;
  const { id = null } = message;
  return id === null || (typeof id === "string" && Number.isNaN(Number(id)));
}

/** The same value where nothing in it is null. */
function withoutNulls(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth > maxDepth) return value;
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => withoutNulls(item, depth + 1));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const member: unknown = Reflect.get(value, key);
    const isAbsent =
      key === "_meta"
        ? !isObject(member)
        : (member === null && optional.has(key)) || (objects.has(key) && Array.isArray(member) && member.length === 0);
    const clean = isAbsent || !containers.has(key) ? member : withoutNulls(member, depth + 1);
    if (!isAbsent && clean === member) continue;
    copy ??= { ...value };
    if (isAbsent) delete copy[key];
    else copy[key] = clean;
  }
  return copy ?? value;
}
