import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { Capability, Faults } from "../faults.js";
import { isJsonObject, type JsonObject, objectOf } from "../json.js";
import { hasCapability } from "./capabilities.js";
import { findTool, listedTools, page } from "./lists.js";
import { stringOf } from "./params.js";
import { complete, listedPrompts, listedResources, listedTemplates, readPrompt, readResource } from "./resources.js";
import { forever, pause, type RequestContext } from "./tool.js";

interface Method {
  readonly capability: Capability;
  readonly run: (params: JsonObject, context: RequestContext) => JsonObject | Promise<JsonObject>;
}

/** What a server of either era answers; what differs between the eras is added by their dialects. */
const methods: { readonly [method: string]: Method } = {
  "tools/list": { capability: "tools", run: list("tools", listedTools) },
  "tools/call": { capability: "tools", run: callTool },
  "resources/list": { capability: "resources", run: list("resources", listedResources) },
  "resources/templates/list": { capability: "resources", run: list("resourceTemplates", listedTemplates) },
  "resources/read": {
    capability: "resources",
    run: (params, { controller }) => readResource(params, controller.faults),
  },
  "prompts/list": { capability: "prompts", run: list("prompts", listedPrompts) },
  "prompts/get": { capability: "prompts", run: (params, { controller }) => readPrompt(params, controller.faults) },
  "completion/complete": {
    capability: "completions",
    run: (params, { controller }) => complete(params, controller.faults),
  },
};

export function isServed(method: string, faults: Faults): boolean {
  const served = Object.hasOwn(methods, method) ? methods[method] : undefined;
  return served !== undefined && hasCapability(faults, served.capability);
}

/**
 * The result of a request, in the members that both eras share.
 *
 * @throws McpError what goes back as a JSON-RPC error
 */
export async function answer(method: string, params: JsonObject, context: RequestContext): Promise<JsonObject> {
  const { faults } = context.controller;
  const served = isServed(method, faults) ? methods[method] : undefined;
  if (served === undefined) throw new McpError(ErrorCode.MethodNotFound, "Method not found");
  const result = await served.run(params, context);
  const { replica } = context.controller.faults;
  if (replica === "") return result;
  return { ...result, _meta: { ...objectOf(result._meta), "minion-chaos/replica": replica } };
}

function list(member: string, entries: (faults: Faults) => readonly JsonObject[]): Method["run"] {
  return async ({ cursor }, { controller, signal, announce }) => {
    const { faults } = controller;
    if (cursor !== undefined && typeof cursor !== "string") {
      throw new McpError(ErrorCode.InvalidParams, "cursor must be a string");
    }
    const { entries: part, rest } = page(entries(faults), cursor, controller);
    if (member === "tools") announce(faults.listChangedOnList);
    if (faults.listDelayMs > 0) await pause(faults.listDelayMs, signal);
    return { [member]: part, ...rest };
  };
}

async function callTool(params: JsonObject, context: RequestContext): Promise<JsonObject> {
  const { controller, signal } = context;
  const { faults } = controller;
  const name = stringOf(params, "name");
  if (params.arguments !== undefined && params.arguments !== null && !isJsonObject(params.arguments)) {
    throw new McpError(ErrorCode.InvalidParams, "arguments must be an object");
  }
  if (controller.crashesThisCall()) controller.host.crash(1);
  if (signal.aborted || faults.hangCalls) return forever(signal);
  if (faults.callDelayMs > 0) await pause(faults.callDelayMs, signal);
  const tool = findTool(name, faults);
  if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `Unknown tool: ${name}`);
  return tool.run(params.arguments, context);
}
