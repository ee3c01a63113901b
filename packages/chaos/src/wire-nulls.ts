import { isJsonObject, type JsonObject } from "./json.js";

const optionalOf: { readonly [member: string]: readonly string[] } = {
  tools: ["title", "description", "annotations", "outputSchema", "_meta", "icons"],
  resources: ["title", "description", "mimeType", "annotations", "size"],
  resourceTemplates: ["title", "description", "mimeType", "annotations"],
  prompts: ["title", "description", "arguments"],
  content: ["annotations", "_meta"],
  contents: ["mimeType", "_meta"],
};
const lists = ["tools", "resources", "resourceTemplates", "prompts"];

/**
 * A message as servers of other makes write it: with null for every optional member that is not there, with
 * `params: null` where there are no parameters, and with `result: null` for an empty result.
 */
export function withNulls(message: JsonObject): JsonObject {
  if (isJsonObject(message.error)) return { ...message, error: filled(message.error, ["data"]) };
  if (typeof message.method === "string") {
    if (!isJsonObject(message.params)) return { ...message, params: null };
    const optional = message.method === "notifications/progress" ? ["total", "message", "_meta"] : ["_meta"];
    return { ...message, params: filled(message.params, optional) };
  }
  if (!isJsonObject(message.result)) return message;
  if (Object.keys(message.result).length === 0) return { ...message, result: null };
  return { ...message, result: resultWithNulls(message.result) };
}

function resultWithNulls(result: JsonObject): JsonObject {
  const members = Object.entries(result).map(([name, value]) => {
    const optional = optionalOf[name];
    if (optional === undefined || !Array.isArray(value)) return [name, value];
    return [name, value.map((one) => (isJsonObject(one) ? filled(one, optional) : one))];
  });
  const own = [
    "_meta",
    ...(lists.some((name) => name in result) ? ["nextCursor"] : []),
    ...("content" in result ? ["isError", "structuredContent"] : []),
    ...("serverInfo" in result ? ["instructions"] : []),
  ];
  return filled(Object.fromEntries(members), own);
}

function filled(object: JsonObject, optional: readonly string[]): JsonObject {
  return { ...Object.fromEntries(optional.map((name) => [name, null])), ...object };
}
