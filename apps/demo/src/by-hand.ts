import type { MinionClient } from "@minion/client";
import type { CallView, ContentView, ToolView } from "./live-state.js";

/** A page shows so many characters of one piece of a result. */
const maxText = 200_000;
/** What a browser shows as an image, and nothing that could hold a script. */
const imageTypes: ReadonlySet<string> = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

/** The tools of a server with what it says of them. Rejects as `listTools` does. */
export async function toolsByHand(client: MinionClient, server: string): Promise<readonly ToolView[]> {
  const tools = await client.listTools(server);
  return tools.map(({ name, title, description, annotations, inputSchema }) => ({
    name,
    description: description ?? title ?? annotations?.title ?? "",
    hints: [
      ...(annotations?.readOnlyHint === true ? ["reads only"] : []),
      ...(annotations?.readOnlyHint !== true && annotations?.destructiveHint === true ? ["may destroy something"] : []),
      ...(annotations?.idempotentHint === true ? ["safe to repeat"] : []),
      ...(annotations?.openWorldHint === true ? ["reaches beyond the server"] : []),
    ],
    inputSchema,
  }));
}

/** Calls a tool as a person asked for it, and tells what came of it in a form that a page can show. Never rejects. */
export async function callByHand(
  client: MinionClient,
  { server, tool, args, signal }: HandCall & { readonly signal: AbortSignal },
): Promise<CallView> {
  const begin = performance.now();
  try {
    const result = await client.callTool(server, tool, args, { signal });
    const content = result.content.map(toContentView);
    const { structuredContent } = result;
    const structured: ContentView[] =
      structuredContent === undefined || content.length > 0 ? [] : [asText(JSON.stringify(structuredContent, null, 2))];
    const ms = performance.now() - begin;
    return { kind: "result", ms, isError: result.isError === true, content: [...content, ...structured] };
  } catch (error) {
    const ms = performance.now() - begin;
    if (!(error instanceof Error)) return { kind: "error", ms, code: "error", message: String(error) };
    const code = "code" in error ? String(error.code) : error.name;
    return { kind: "error", ms, code, message: error.message };
  }
}

/** A call that a person asks for. */
export interface HandCall {
  readonly server: string;
  readonly tool: string;
  readonly args: Record<string, unknown>;
}

/** The body of a request as a call; undefined where it is none. */
export function toHandCall(body: unknown): HandCall | undefined {
  if (!isObject(body)) return undefined;
  const { server, tool, args } = body;
  if (typeof server !== "string" || typeof tool !== "string" || !isObject(args)) return undefined;
  return { server, tool, args };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function toContentView(item: { readonly type: string }): ContentView {
  if ("text" in item && typeof item.text === "string") return asText(item.text);
  if (item.type === "image" && "data" in item && "mimeType" in item) {
    const { data, mimeType } = item;
    if (typeof data === "string" && typeof mimeType === "string" && imageTypes.has(mimeType))
      return { type: "image", mimeType, data };
  }
  return asText(JSON.stringify(item, null, 2));
}

function asText(text: string): ContentView {
  if (text.length <= maxText) return { type: "text", text };
  return { type: "text", text: `${text.slice(0, maxText)}\n… the first ${maxText} of ${text.length} characters` };
}
