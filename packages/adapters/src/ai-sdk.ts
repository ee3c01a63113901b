import { dynamicTool, jsonSchema, type Tool, type ToolSet } from "ai";
import { type AdapterOptions, checkOptions, type ToolResult, type ToolSource } from "./adapter-options.js";
import { isRecord } from "./is-record.js";
import { callOffered, offeredTools, schemaCopy } from "./offered-tools.js";
import { type ResultPart, resultParts } from "./result-parts.js";
import { ToolResultError } from "./tool-result-error.js";

export type { AdapterOptions, ToolResult, ToolSource } from "./adapter-options.js";
export { ToolResultError } from "./tool-result-error.js";

type ModelOutput = Awaited<ReturnType<NonNullable<Tool["toModelOutput"]>>>;
type ContentPart = Extract<ModelOutput, { type: "content" }>["value"][number];

/**
 * The client's tools for `generateText`, `streamText`, agents of the AI SDK, and Mastra. Call it for each request: lists come
 * from the client's cache, and a list that is kept grows stale.
 *
 * A tool that answers with `isError` rejects with a `ToolResultError`, anything else with the client's own error; the model
 * reads its message. The `abortSignal` of the run ends the call and tells the server.
 *
 * @throws TypeError for an option that does not exist or has a wrong value; `signal.reason`; ServerNotFoundError
 */
export async function toAiSdkTools(client: ToolSource, options: AdapterOptions = {}): Promise<ToolSet> {
  checkOptions("toAiSdkTools", options);
  const tools = await offeredTools(client, options);
  return Object.fromEntries(
    tools.map((tool) => [
      tool.name,
      dynamicTool({
        ...(tool.description !== undefined && { description: tool.description }),
        inputSchema: jsonSchema(schemaCopy(tool)),
        execute: async (args, { abortSignal }): Promise<ToolResult> => {
          const result = await callOffered(client, tool, args, options, abortSignal);
          if (result.isError === true) throw new ToolResultError(result);
          return result;
        },
        toModelOutput,
      }),
    ]),
  );
}

/** What the model sees of a result. The AI SDK hands over `{ output }`, Mastra the output itself. */
function toModelOutput(given: { readonly output: unknown }): ModelOutput {
  const output = isRecord(given) && "content" in given ? given : given.output;
  const parts = resultParts(output);
  const [first] = parts;
  // Providers that know text alone send a list of parts as JSON, so a single text goes as a text.
  if (parts.length === 1 && first.kind === "text") return { type: "text", value: first.text };
  return { type: "content", value: parts.map(contentPart) };
}

function contentPart(part: ResultPart): ContentPart {
  if (part.kind === "text") return { type: "text", text: part.text };
  const { data, mimeType, name } = part;
  return {
    type: "file",
    data: { type: "data", data },
    mediaType: mimeType,
    ...(name !== undefined && { filename: name }),
  };
}
