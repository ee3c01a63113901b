import type {
  CallToolResult,
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  ReadResourceResult,
} from "@modelcontextprotocol/sdk/types.js";
import type { Take } from "./call/call-report.js";
import type { CallSubject } from "./call.js";
import type { CallOptions } from "./config/call-options.js";
import { ToolNotFoundError } from "./errors.js";
import type { Server } from "./server.js";
import { Failure } from "./session/failure.js";
import { isLiteral, isObject, shortName, textOf } from "./untrusted.js";

// The methods of MCP that the client knows: what a call of each is, and how its answer is taken.

/** A call, and how its answer is taken. */
export interface KnownCall<T> {
  readonly subject: CallSubject;
  readonly take: Take<T>;
}

/**
 * A call of a tool. What is cached of the tool says whether repeating it is safe, and what its structured
 * content has to look like; nothing is fetched for that, and an unknown tool is unsafe.
 */
export function toolCall(
  server: Server,
  tool: string,
  args: Record<string, unknown>,
  options: CallOptions,
): KnownCall<CallToolResult> {
  checkText(tool, "tool's name");
  checkObject(args, "tool's arguments");
  if (!server.lists.allowsTool(tool)) throw deniedTool(tool, server.name);
  const known = server.lists.knownTool(tool, options.principal);
  return {
    subject: {
      method: "tools/call",
      params: { name: tool, arguments: args },
      target: tool,
      what: `Tool "${shortName(tool)}"`,
      isSafe: options.idempotent ?? isSafeTool(known),
    },
    take: (answer) => {
      const value = toToolResult(answer);
      if (known?.outputSchema !== undefined) server.schemas.check(known, value);
      return { value, errorType: value.isError === true ? "tool_error" : undefined };
    },
  };
}

/** Reads a resource: safe to repeat. */
export function resourceRead(uri: string): KnownCall<ReadResourceResult> {
  checkText(uri, "uri");
  return {
    subject: { method: "resources/read", params: { uri }, what: `Resource "${shortName(uri)}"`, isSafe: true },
    take: (answer) => ({ value: toResourceContents(answer) }),
  };
}

/** Fills in a prompt: safe to repeat. */
export function promptGet(name: string, args: Record<string, string>): KnownCall<GetPromptResult> {
  checkText(name, "prompt's name");
  checkObject(args, "prompt's arguments");
  return {
    subject: {
      method: "prompts/get",
      params: { name, arguments: args },
      target: name,
      what: `Prompt "${shortName(name)}"`,
      isSafe: true,
    },
    take: (answer) => ({ value: toPromptMessages(answer) }),
  };
}

/** Asks for values that an argument can have: safe to repeat. */
export function completion(params: CompleteRequest["params"]): KnownCall<CompleteResult> {
  checkObject(params, "completion's params");
  return {
    subject: { method: "completion/complete", params: { ...params }, what: "completion/complete", isSafe: true },
    take: (answer) => ({ value: toCompletion(answer) }),
  };
}

/**
 * Any request: safe to repeat only where the caller says so, or where it calls a tool of which the hints are known. The
 * answer is taken as it is.
 */
export function anyCall(
  server: Server,
  method: string,
  params: Record<string, unknown> | undefined,
  options: CallOptions,
): KnownCall<unknown> {
  checkText(method, "method");
  if (params !== undefined) checkObject(params, "request's params");
  const name = method === "tools/call" || method === "prompts/get" ? params?.name : undefined;
  const target = typeof name === "string" ? name : undefined;
  const tool = method === "tools/call" ? target : undefined;
  if (tool !== undefined && !server.lists.allowsTool(tool)) throw deniedTool(tool, server.name);
  const isSafe =
    options.idempotent ?? (tool !== undefined && isSafeTool(server.lists.knownTool(tool, options.principal)));
  return {
    subject: { method, params, target, what: method, isSafe, showsInputRequired: true },
    take: (answer) => ({
      value: method === "tools/list" ? withoutDenied(server, answer) : answer,
      errorType: tool !== undefined && isErrorResult(answer) ? "tool_error" : undefined,
    }),
  };
}

/** Whether the annotations of a tool say that running it twice does no harm. */
function isSafeTool(tool: Readonly<Record<string, unknown>> | undefined): boolean {
  const annotations = tool?.annotations;
  if (typeof annotations !== "object" || annotations === null) return false;
  return Reflect.get(annotations, "idempotentHint") === true || Reflect.get(annotations, "readOnlyHint") === true;
}

/** What a call is told of a tool that the policy of its server leaves out. */
function deniedTool(tool: string, server: string): ToolNotFoundError {
  const reason = `Server "${shortName(server)}" has no tool "${shortName(tool)}" here: the "tools" policy of the server leaves it out.`;
  return new ToolNotFoundError(tool, server, reason);
}

/** Throws `TypeError` where something that a user gives is not a non-empty string. */
export function checkText(value: unknown, what: string): void {
  if (typeof value !== "string" || value === "")
    throw new TypeError(`MinionClient: a ${what} must be a non-empty string`);
}

/** Throws `TypeError` where something that a user gives is not an object, or is a list. */
function checkObject(value: unknown, what: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`MinionClient: a ${what} must be an object`);
  // A map, or a promise that was not awaited, would be sent as no arguments at all.
  if (!isLiteral(value) && Object.keys(value).length === 0 && !("toJSON" in value))
    throw new TypeError(`MinionClient: a ${what} must be an object with members of its own; JSON has none of this one`);
}

/** A page of tools without those that the policy leaves out; anything else as it is. */
function withoutDenied(server: Server, answer: unknown): unknown {
  const tools: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "tools") : undefined;
  if (!Array.isArray(tools)) return answer;
  const isAllowed = (tool: unknown): boolean => server.lists.allowsTool(textOf(Reflect.get(Object(tool), "name")));
  return { ...Object(answer), tools: tools.filter(isAllowed) };
}

function isErrorResult(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && Reflect.get(answer, "isError") === true;
}

// What a server answers passes through unchanged, so that nothing of it is lost that this version does not know. These
// guards look at no more than what makes it an answer to the question.

/** The answer to `tools/call`. Throws a `Failure` where it is none. */
function toToolResult(answer: unknown): CallToolResult {
  const result = isObject(answer) && answer.content === undefined ? { ...answer, content: [] } : answer;
  if (isToolResult(result)) return result;
  throw invalid("the result of a tool");
}

/** The answer to `resources/read`. Throws a `Failure` where it is none. */
function toResourceContents(answer: unknown): ReadResourceResult {
  if (isResourceContents(answer)) return answer;
  throw invalid("the content of a resource");
}

/** The answer to `prompts/get`. Throws a `Failure` where it is none. */
function toPromptMessages(answer: unknown): GetPromptResult {
  if (isPromptMessages(answer)) return answer;
  throw invalid("a prompt");
}

/** The answer to `completion/complete`. Throws a `Failure` where it is none. */
function toCompletion(answer: unknown): CompleteResult {
  if (isCompletion(answer)) return answer;
  throw invalid("a completion");
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

function invalid(what: string): Failure {
  return new Failure("invalid-result", `the answer is not ${what}`, { delivery: "sent" });
}
