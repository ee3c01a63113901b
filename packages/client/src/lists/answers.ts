import type {
  CallToolResult,
  CompleteResult,
  GetPromptResult,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplate,
  Tool,
} from "@modelcontextprotocol/sdk/types.js";
import { isObject } from "../is-object.js";
import { Failure } from "../session/failure.js";
import type { CachedList } from "./cached-list.js";

// What a server answers passes through unchanged, so that nothing of it is lost that this version does not know. These
// guards look at no more than what makes it an answer to the question.

/** The answer to `tools/call`. Throws a `Failure` where it is none. */
export function toToolResult(answer: unknown): CallToolResult {
  const result = isObject(answer) && answer.content === undefined ? { ...answer, content: [] } : answer;
  if (isToolResult(result)) return result;
  throw invalid("result of a tool");
}

/** The answer to `resources/read`. Throws a `Failure` where it is none. */
export function toResourceContents(answer: unknown): ReadResourceResult {
  if (isResourceContents(answer)) return answer;
  throw invalid("content of a resource");
}

/** The answer to `prompts/get`. Throws a `Failure` where it is none. */
export function toPromptMessages(answer: unknown): GetPromptResult {
  if (isPromptMessages(answer)) return answer;
  throw invalid("prompt");
}

/** The answer to `completion/complete`. Throws a `Failure` where it is none. */
export function toCompletion(answer: unknown): CompleteResult {
  if (isCompletion(answer)) return answer;
  throw invalid("completion");
}

/** Tools as they were checked when they were listed: the same frozen list for all. */
export const toTools: (list: CachedList) => readonly Tool[] = takingOnly(isTool);

/** Resources as they were checked when they were listed. */
export const toResources: (list: CachedList) => readonly Resource[] = takingOnly(isResource);

/** Resource templates as they were checked when they were listed. */
export const toResourceTemplates: (list: CachedList) => readonly ResourceTemplate[] = takingOnly(isResourceTemplate);

/** Prompts as they were checked when they were listed. */
export const toPrompts: (list: CachedList) => readonly Prompt[] = takingOnly(isPrompt);

/** Looks through each list once: it is frozen and does not change. */
function takingOnly<T>(isItem: (item: unknown) => item is T): (list: CachedList) => readonly T[] {
  const taken = new WeakMap<CachedList, readonly T[]>();
  return (list) => {
    const known = taken.get(list);
    if (known !== undefined) return known;
    const items: readonly unknown[] = list.items;
    const valid = Object.freeze(items.filter(isItem));
    taken.set(list, valid);
    return valid;
  };
}

function isToolResult(value: unknown): value is CallToolResult {
  return isObject(value) && Array.isArray(value.content);
}

function isResourceContents(value: unknown): value is ReadResourceResult {
  return isObject(value) && Array.isArray(value.contents);
}

function isPromptMessages(value: unknown): value is GetPromptResult {
  return isObject(value) && Array.isArray(value.messages);
}

function isCompletion(value: unknown): value is CompleteResult {
  return isObject(value) && isObject(value.completion) && Array.isArray(value.completion.values);
}

function isTool(value: unknown): value is Tool {
  return isObject(value) && typeof value.name === "string" && isObject(value.inputSchema);
}

function isResource(value: unknown): value is Resource {
  return isObject(value) && typeof value.uri === "string";
}

function isResourceTemplate(value: unknown): value is ResourceTemplate {
  return isObject(value) && typeof value.uriTemplate === "string";
}

function isPrompt(value: unknown): value is Prompt {
  return isObject(value) && typeof value.name === "string";
}

function invalid(what: string): Failure {
  return new Failure("invalid-result", `the answer is no ${what}`, { delivery: "sent" });
}
