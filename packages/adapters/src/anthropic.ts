import type { BetaRunnableTool } from "@anthropic-ai/sdk/lib/tools/BetaRunnableTool";
import { ToolError } from "@anthropic-ai/sdk/lib/tools/ToolError";
import type { BetaTool } from "@anthropic-ai/sdk/resources/beta";
import type { QualifiedTool } from "@minion/client";
import { type AdapterOptions, checkOptions, type ToolResult, type ToolSource } from "./adapter-options.js";
import { callOffered, offeredTools, schemaCopy } from "./offered-tools.js";
import { type BinaryPart, describe, type ResultPart, resultParts } from "./result-parts.js";

export type { AdapterOptions, ToolResult, ToolSource } from "./adapter-options.js";

type Block = Exclude<ToolError["content"], string>[number];

/** A tool answered with `isError`; the runner passes on its content, images included. */
export class ToolResultError extends ToolError {
  /** Not a property of its own, so that whoever logs the error does not log what the tool returned. */
  readonly #result: ToolResult;

  constructor(result: ToolResult) {
    super(resultParts(result).map(blockOf));
    this.name = "ToolResultError";
    this.#result = result;
  }

  /** The whole result, unchanged. */
  get result(): ToolResult {
    return this.#result;
  }
}

/**
 * The client's tools for `anthropic.beta.messages.toolRunner`. Call it for each request: lists come from the client's cache,
 * and a list that is kept grows stale.
 *
 * A tool that answers with `isError` rejects with a `ToolResultError`, anything else with the client's own error; the model
 * reads its message. The signal of the runner, which may be null, ends the call and tells the server.
 *
 * @throws TypeError for an option that does not exist or has a wrong value; `signal.reason`; ServerNotFoundError
 */
export async function toAnthropicTools(
  client: ToolSource,
  options: AdapterOptions = {},
): Promise<BetaRunnableTool<Record<string, unknown>>[]> {
  checkOptions("toAnthropicTools", options);
  const tools = await offeredTools(client, options);
  return tools.map((tool) => ({
    name: tool.name,
    ...(tool.description !== undefined && { description: tool.description }),
    input_schema: inputSchema(tool),
    parse: argumentsOf,
    run: async (args, context) => {
      const result = await callOffered(client, tool, args, options, context?.signal);
      if (result.isError === true) throw new ToolResultError(result);
      return resultParts(result).map(blockOf);
    },
  }));
}

/** A copy of the tool's schema; the SDK's type has no room for a `required` that is there and undefined. */
function inputSchema(tool: QualifiedTool): BetaTool.InputSchema {
  const { required, ...schema } = schemaCopy(tool);
  return { ...schema, ...(required !== undefined && { required }) };
}

/** The arguments that the model gave. */
function argumentsOf(content: unknown): Record<string, unknown> {
  if (typeof content !== "object" || content === null || Array.isArray(content))
    throw new TypeError("The arguments of a tool must be an object");
  return { ...content };
}

function blockOf(part: ResultPart): Block {
  if (part.kind === "text") return { type: "text", text: part.text };
  return imageBlock(part) ?? documentBlock(part) ?? { type: "text", text: describe(part) };
}

function imageBlock({ data, mimeType }: BinaryPart): Block | undefined {
  switch (mimeType) {
    case "image/jpeg":
    case "image/png":
    case "image/gif":
    case "image/webp":
      return { type: "image", source: { type: "base64", media_type: mimeType, data } };
    default:
      return undefined;
  }
}

function documentBlock({ data, mimeType, name }: BinaryPart): Block | undefined {
  const title = name === undefined ? {} : { title: name };
  if (mimeType === "application/pdf")
    return { type: "document", source: { type: "base64", media_type: mimeType, data }, ...title };
  if (!mimeType.startsWith("text/")) return undefined;
  const text = Buffer.from(data, "base64").toString("utf8");
  if (text === "") return undefined;
  return { type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title };
}
