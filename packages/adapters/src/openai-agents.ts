import { createHash } from "node:crypto";
import type { QualifiedTool } from "@minion/client";
import type { MCPServer } from "@openai/agents";
import {
  type AdapterOptions,
  adapterOptionNames,
  checkOptions,
  type ToolResult,
  type ToolSource,
} from "./adapter-options.js";
import { errorMessage } from "./error-data.js";
import { callOffered, offeredTools, schemaCopy, tell } from "./offered-tools.js";
import { type ResultPart, resultParts } from "./result-parts.js";

export type { AdapterOptions, ToolResult, ToolSource } from "./adapter-options.js";

type ServerTool = Awaited<ReturnType<MCPServer["listTools"]>>[number];
type FullResult = Awaited<ReturnType<NonNullable<MCPServer["callToolResult"]>>>;

/** Which tools an agent gets, and what the OpenAI Agents SDK lets an MCP server decide. */
export type OpenAiServerOptions = AdapterOptions &
  Partial<
    Pick<MCPServer, "name" | "errorFunction" | "useStructuredContent" | "toolInputGuardrails" | "toolOutputGuardrails">
  >;

const optionNames = [
  ...adapterOptionNames,
  "name",
  "errorFunction",
  "useStructuredContent",
  "toolInputGuardrails",
  "toolOutputGuardrails",
];
const maxNameLength = 64;

/**
 * All servers of the client as one MCP server of an agent: `new Agent({ mcpServers: [toOpenAiServer(client)] })`. Make it
 * once; the SDK asks it for the tools at every turn, and the answer comes from the client's cache.
 *
 * The model reads the message of the client's own error where a call fails, unless `errorFunction` says otherwise; a tool's
 * `isError` result goes on as content, since the SDK has no other place for it. `connect` and `close` do nothing: the client
 * stays with whoever made it. `name` is "minion" by default.
 *
 * @throws TypeError for an option that does not exist or has a wrong value
 */
export function toOpenAiServer(client: ToolSource, options: OpenAiServerOptions = {}): MCPServer {
  checkOptions("toOpenAiServer", options, optionNames);
  const {
    name = "minion",
    errorFunction = ({ error }) => errorMessage(error),
    useStructuredContent,
    toolInputGuardrails,
    toolOutputGuardrails,
  } = options;
  const offered = new OfferedNames(client, options);
  const call = async (
    toolName: string,
    args: Record<string, unknown> | null,
    how?: { readonly signal?: AbortSignal | null | undefined },
  ): Promise<ToolResult> => callOffered(client, await offered.find(toolName), args, options, how?.signal);
  return {
    name,
    cacheToolsList: false,
    errorFunction,
    ...(useStructuredContent !== undefined && { useStructuredContent }),
    ...(toolInputGuardrails !== undefined && { toolInputGuardrails }),
    ...(toolOutputGuardrails !== undefined && { toolOutputGuardrails }),
    connect: async () => {},
    close: async () => {},
    invalidateToolsCache: async () => {},
    listTools: () => offered.list(),
    callTool: async (toolName, args, _meta, how) => contentOf(await call(toolName, args, how)),
    callToolResult: async (toolName, args, _meta, how) => fullResult(await call(toolName, args, how)),
  };
}

/** The names that the SDK was given, each with the tool it stands for: a call names nothing else. */
class OfferedNames {
  readonly #client: ToolSource;
  readonly #options: AdapterOptions;
  /** Grows only: a name depends on the server and the tool alone, and stays callable whatever the list is by now. */
  readonly #tools = new Map<string, Pick<QualifiedTool, "server" | "tool">>();

  constructor(client: ToolSource, options: AdapterOptions) {
    this.#client = client;
    this.#options = options;
  }

  async list(): Promise<ServerTool[]> {
    const listed: ServerTool[] = [];
    for (const tool of await offeredTools(this.#client, this.#options)) {
      const name = openAiName(tool);
      if (!(await this.#keep(name, tool))) continue;
      const { description } = tool;
      const shown = { name, ...(description !== undefined && { description }), inputSchema: schemaCopy(tool) };
      // The SDK's type asks for `required` and `additionalProperties`, which MCP does not; the SDK itself fills them in.
      listed.push(shown as ServerTool);
    }
    return listed;
  }

  /** The tool of a name. A run that is resumed may call one before it has listed any. */
  async find(name: string): Promise<Pick<QualifiedTool, "server" | "tool">> {
    if (!this.#tools.has(name)) await this.list();
    const tool = this.#tools.get(name);
    if (tool === undefined) throw new Error(`There is no tool "${name}". It may have been removed: list the tools.`);
    return tool;
  }

  /** Whether the name stands for this tool. Where two tools have one name, the SDK would reject the run: the first keeps it. */
  async #keep(name: string, { server, tool }: QualifiedTool): Promise<boolean> {
    const known = this.#tools.get(name);
    if (known === undefined) this.#tools.set(name, { server, tool });
    if (known === undefined || (known.server === server && known.tool === tool)) return true;
    const message = `Tool "${tool}" has the same name as tool "${known.tool}" of server "${known.server}", ${name}: it is left out`;
    await tell(this.#options.onFailure, { server, error: new Error(message) });
    return false;
  }
}

/**
 * The name under which the SDK offers a tool. It turns `-` into `_`, and rejects the run where two names then agree, so a
 * name with `-` gets `_` and the hash of the pair.
 */
function openAiName({ name, server, tool }: QualifiedTool): string {
  if (!name.includes("-")) return name;
  const hash = createHash("sha256")
    .update(JSON.stringify([server, tool]))
    .digest("hex")
    .slice(0, 8);
  const legal = name.replaceAll("-", "_");
  if (legal.endsWith(`_${hash}`)) return legal;
  return `${legal.slice(0, maxNameLength - hash.length - 1)}_${hash}`;
}

function contentOf(result: ToolResult): FullResult["content"] {
  return resultParts(result).map(itemOf);
}

function fullResult(result: ToolResult): FullResult {
  const { structuredContent, isError, _meta } = result;
  return {
    content: contentOf(result),
    ...(structuredContent !== undefined && { structuredContent }),
    ...(isError !== undefined && { isError }),
    ...(_meta !== undefined && { _meta }),
  };
}

/** The forms of a tool's output that the SDK turns into `input_text`, `input_image` and `input_file`. */
function itemOf(part: ResultPart): FullResult["content"][number] {
  if (part.kind === "text") return { type: "text", text: part.text };
  const { kind, data, mimeType, name } = part;
  if (kind === "image") return { type: "image", image: `data:${mimeType};base64,${data}` };
  return { type: "file", file: { data, mediaType: mimeType, filename: name ?? fileNameOf(mimeType) } };
}

/** OpenAI's API takes a file's data only together with a name. */
function fileNameOf(mimeType: string): string {
  const [kind = "file", subtype = ""] = mimeType.split(/[/;]/);
  return `${kind}.${subtype.replace(/^x-/, "") || "bin"}`;
}
