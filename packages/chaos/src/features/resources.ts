import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { Faults } from "../faults.js";
import { type JsonObject, objectOf } from "../json.js";
import { stringOf } from "./params.js";

const template = "chaos://text/{word}";
const words = ["alpha", "beta", "gamma", "bravo"];

export function listedResources(faults: Faults): readonly JsonObject[] {
  return Array.from({ length: faults.resources }, (_, index) => ({
    uri: `chaos://resource/${index}`,
    name: `resource_${index}`,
  }));
}

export function listedTemplates(): readonly JsonObject[] {
  return [{ uriTemplate: template, name: "text", description: "A word as a resource.", mimeType: "text/plain" }];
}

export function listedPrompts(faults: Faults): readonly JsonObject[] {
  return Array.from({ length: faults.prompts }, (_, index) => ({ name: `prompt_${index}`, description: "Generated." }));
}

/** `resources/read`: a listed resource, or one of the template. */
export function readResource(params: JsonObject, faults: Faults): JsonObject {
  const uri = stringOf(params, "uri");
  const word = /^chaos:\/\/text\/(.+)$/.exec(uri)?.[1];
  if (word === undefined && !listedResources(faults).some((resource) => resource.uri === uri)) {
    throw new McpError(-32002, `Resource not found: ${uri}`);
  }
  return { contents: [{ uri, mimeType: "text/plain", text: word ?? `contents of ${uri}` }] };
}

/** `prompts/get`: the arguments as JSON in one message. */
export function readPrompt(params: JsonObject, faults: Faults): JsonObject {
  const name = stringOf(params, "name");
  if (!listedPrompts(faults).some((prompt) => prompt.name === name)) {
    throw new McpError(ErrorCode.InvalidParams, `Unknown prompt: ${name}`);
  }
  return { messages: [{ role: "user", content: { type: "text", text: JSON.stringify(params.arguments ?? {}) } }] };
}

/** `completion/complete`: the words that begin as the value does, for any argument of a prompt or of the template. */
export function complete(params: JsonObject, faults: Faults): JsonObject {
  const ref = objectOf(params.ref);
  const isKnown =
    (ref.type === "ref/prompt" && listedPrompts(faults).some((prompt) => prompt.name === ref.name)) ||
    (ref.type === "ref/resource" && ref.uri === template);
  if (!isKnown) throw new McpError(ErrorCode.InvalidParams, `Unknown reference: ${JSON.stringify(params.ref)}`);
  const values = words.filter((word) => word.startsWith(stringOf(objectOf(params.argument), "value")));
  return { completion: { values, total: values.length, hasMore: false } };
}
