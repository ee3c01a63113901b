import type { QualifiedTool } from "@minion/client";
import type { AdapterOptions, ToolResult, ToolSource } from "./adapter-options.js";

const defaultListTimeoutMs = 10_000;

/**
 * The tools that the options ask for, as the client holds them at this moment. A server that cannot be asked in time costs
 * its own tools, and `onFailure` is told of it.
 */
export async function offeredTools(client: ToolSource, options: AdapterOptions): Promise<readonly QualifiedTool[]> {
  const { servers, filter, principal, listTimeoutMs = defaultListTimeoutMs, signal, onFailure } = options;
  const { tools, failures } = await client.listAllTools({ servers, principal, signal, timeoutMs: listTimeoutMs });
  if (onFailure !== undefined) for (const failure of failures) onFailure(failure);
  return filter === undefined ? tools : tools.filter(filter);
}

/**
 * A copy of a tool's schema that the caller may change. The client's own is frozen and shared by all callers, and
 * frameworks write into the schemas they are given.
 */
export function schemaCopy(tool: QualifiedTool): QualifiedTool["inputSchema"] {
  return structuredClone(tool.inputSchema);
}

/** Calls a tool on the server it was listed for, whatever the list is by now. `null` stands for no signal. */
export function callOffered(
  client: ToolSource,
  tool: Pick<QualifiedTool, "server" | "tool">,
  args: unknown,
  options: AdapterOptions,
  signal: AbortSignal | null | undefined,
): Promise<ToolResult> {
  const { principal, timeoutMs } = options;
  return client.callTool(tool.server, tool.tool, argumentsOf(args), {
    signal: signal ?? undefined,
    principal,
    timeoutMs,
  });
}

/** The arguments that a model gave. A tool without parameters may be called without any. */
function argumentsOf(args: unknown): Record<string, unknown> {
  if (args === undefined || args === null) return {};
  if (typeof args !== "object" || Array.isArray(args))
    throw new TypeError(
      `The arguments of a tool must be an object, got ${Array.isArray(args) ? "an array" : typeof args}`,
    );
  return { ...args };
}
