import type {
  CompleteRequest,
  CompleteResult,
  GetPromptResult,
  ReadResourceResult,
} from "@modelcontextprotocol/sdk/types.js";
import type { CallOptions } from "./config/call-options.js";
import { toCompletion, toPromptMessages, toResourceContents } from "./lists/answers.js";
import type { KnownRequest } from "./request.js";
import type { Server } from "./server.js";
import { shortName } from "./text.js";
import { checkObject, checkText, deniedTool, isSafeTool } from "./tool-call.js";

/** Reads a resource: safe to repeat. */
export function resourceRead(uri: string): KnownRequest<ReadResourceResult> {
  checkText(uri, "uri");
  return {
    request: { method: "resources/read", params: { uri }, what: `Resource "${shortName(uri)}"`, isSafe: true },
    take: (answer) => ({ value: toResourceContents(answer) }),
  };
}

/** Fills in a prompt: safe to repeat. */
export function promptGet(name: string, args: Record<string, string>): KnownRequest<GetPromptResult> {
  checkText(name, "prompt's name");
  checkObject(args, "prompt's arguments");
  return {
    request: {
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
export function completion(params: CompleteRequest["params"]): KnownRequest<CompleteResult> {
  checkObject(params, "completion's params");
  return {
    request: { method: "completion/complete", params: { ...params }, what: "completion/complete", isSafe: true },
    take: (answer) => ({ value: toCompletion(answer) }),
  };
}

/**
 * Any request: safe to repeat only where the caller says so, or where it calls a tool of which the hints are known. The
 * answer is taken as it is.
 */
export function anyRequest(
  server: Server,
  method: string,
  params: Record<string, unknown> | undefined,
  options: CallOptions,
): KnownRequest<unknown> {
  checkText(method, "method");
  if (params !== undefined) checkObject(params, "request's params");
  const name = method === "tools/call" || method === "prompts/get" ? params?.name : undefined;
  const target = typeof name === "string" ? name : undefined;
  const tool = method === "tools/call" ? target : undefined;
  if (tool !== undefined && !server.lists.allowsTool(tool)) throw deniedTool(tool, server.name);
  const isSafe =
    options.idempotent ?? (tool !== undefined && isSafeTool(server.lists.knownTool(tool, options.principal)));
  return {
    request: { method, params, target, what: method, isSafe, showsInputRequired: true },
    take: (answer) => ({
      value: method === "tools/list" ? withoutDenied(server, answer) : answer,
      errorType: tool !== undefined && isErrorResult(answer) ? "tool_error" : undefined,
    }),
  };
}

/** A page of tools without those that the policy leaves out; anything else as it is. */
function withoutDenied(server: Server, answer: unknown): unknown {
  const tools: unknown = typeof answer === "object" && answer !== null ? Reflect.get(answer, "tools") : undefined;
  if (!Array.isArray(tools)) return answer;
  const isAllowed = (tool: unknown): boolean => server.lists.allowsTool(String(Reflect.get(Object(tool), "name")));
  return { ...Object(answer), tools: tools.filter(isAllowed) };
}

function isErrorResult(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && Reflect.get(answer, "isError") === true;
}
