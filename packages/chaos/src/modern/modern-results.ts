import { metaKeys } from "../era.js";
import type { Faults } from "../faults.js";
import { serverInfo } from "../features/capabilities.js";
import { type JsonObject, objectOf } from "../json.js";

const cacheable = new Set([
  "server/discover",
  "tools/list",
  "prompts/list",
  "resources/list",
  "resources/templates/list",
  "resources/read",
]);

/** A result with the members that the modern era adds: its type, the hints for caches, and who answered. */
export function modernResult(method: string, result: JsonObject, faults: Faults): JsonObject {
  if (faults.bareResults) return result;
  const isInput = result.resultType === "input_required";
  return {
    resultType: "complete",
    ...(cacheable.has(method) && !isInput && { ttlMs: faults.ttlMs ?? 0, cacheScope: faults.cacheScope ?? "private" }),
    ...result,
    _meta: { ...objectOf(result._meta), [metaKeys.serverInfo]: serverInfo },
  };
}
