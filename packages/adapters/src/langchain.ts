import { type ContentBlock, type MessageContent, ToolMessage } from "@langchain/core/messages";
import type { RunnableConfig } from "@langchain/core/runnables";
import { DynamicStructuredTool } from "@langchain/core/tools";
import { type AdapterOptions, checkOptions, type ToolSource } from "./adapter-options.js";
import { errorData, errorMessage } from "./error-data.js";
import { isRecord } from "./is-record.js";
import { callOffered, offeredTools, schemaCopy } from "./offered-tools.js";
import { type ResultPart, resultParts } from "./result-parts.js";
import { ToolResultError } from "./tool-result-error.js";

export type { AdapterOptions, ToolResult, ToolSource } from "./adapter-options.js";
export { ToolResultError } from "./tool-result-error.js";

/**
 * The client's tools for `createAgent`, LangGraph's `ToolNode`, or a model's `bindTools`. Call it for each request: lists
 * come from the client's cache, and a list that is kept grows stale.
 *
 * Called for a tool call of a model, a tool resolves with a `ToolMessage`, also where it fails: `status` is then "error", the
 * content is the tool's own or the error's message, and `artifact` is the whole result or `{ code, server, delivery,
 * retryAfterMs }`. Invoked with bare arguments there is no message to mark: it rejects with a `ToolResultError` or the
 * client's own error. The `signal` of the config ends the call and tells the server.
 *
 * @throws TypeError for an option that does not exist or has a wrong value; `signal.reason`; ServerNotFoundError
 */
export async function toLangChainTools(
  client: ToolSource,
  options: AdapterOptions = {},
): Promise<DynamicStructuredTool[]> {
  checkOptions("toLangChainTools", options);
  const tools = await offeredTools(client, options);
  return tools.map(
    (tool) =>
      new DynamicStructuredTool({
        name: tool.name,
        description: tool.description ?? "",
        schema: schemaCopy(tool),
        responseFormat: "content_and_artifact",
        func: async (args: unknown, _manager: unknown, config?: RunnableConfig) => {
          const call = toolCallOf(config);
          const failed = (content: MessageContent, artifact: unknown): ToolMessage =>
            new ToolMessage({ content, artifact, status: "error", tool_call_id: call ?? "", name: tool.name });
          try {
            const result = await callOffered(client, tool, args, options, config?.signal);
            if (result.isError !== true) return [contentOf(result), result];
            if (call === undefined) throw new ToolResultError(result);
            return [failed(contentOf(result), result), result];
          } catch (error) {
            // LangChain tells the model to fix its mistakes after every error that is thrown, OutcomeUnknownError included.
            if (call === undefined || config?.signal?.aborted === true) throw error;
            return [failed(errorMessage(error), errorData(error)), undefined];
          }
        },
      }),
  );
}

/** The id of the model's tool call; undefined where the tool was invoked by hand. */
function toolCallOf(config: RunnableConfig | undefined): string | undefined {
  const call: unknown = config !== undefined && "toolCall" in config ? config.toolCall : undefined;
  return isRecord(call) && typeof call.id === "string" ? call.id : undefined;
}

function contentOf(result: unknown): MessageContent {
  const parts = resultParts(result);
  const [first] = parts;
  if (parts.length === 1 && first.kind === "text") return first.text;
  return parts.map(blockOf);
}

/**
 * A data block in the form of LangChain 0.3, which integrations of models look for in tool messages (`source_type`,
 * `mime_type`), and in that of 1.x (`mimeType`).
 */
function blockOf(part: ResultPart): ContentBlock {
  if (part.kind === "text") return { type: "text", text: part.text };
  const { kind, data, mimeType, name } = part;
  const type = kind === "file" && mimeType.startsWith("audio/") ? "audio" : kind;
  const block = { type, source_type: "base64", data, mime_type: mimeType, mimeType };
  return name === undefined ? block : { ...block, metadata: { filename: name } };
}
