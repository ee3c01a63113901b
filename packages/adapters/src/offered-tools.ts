import type { QualifiedTool, ServerFailure } from "@minion/client";
import type { AdapterOptions, ToolResult, ToolSource } from "./adapter-options.js";

const defaultListTimeoutMs = 10_000;

/**
 * The tools that the options ask for, as the client holds them at this moment. A server that cannot be asked in time costs
 * its own tools, and `onFailure` is told of it.
 */
export async function offeredTools(client: ToolSource, options: AdapterOptions): Promise<readonly QualifiedTool[]> {
  const { servers, filter, principal, listTimeoutMs = defaultListTimeoutMs, signal, onFailure } = options;
  const { tools, failures } = await client.listAllTools({ servers, principal, signal, timeoutMs: listTimeoutMs });
  for (const failure of failures) await tell(onFailure, failure);
  return filter === undefined ? tools : tools.filter((tool) => isOffered(filter(tool)));
}

/** Tells of a failure. What the listener throws or, being async, rejects with rejects the listing. */
export async function tell(onFailure: AdapterOptions["onFailure"], failure: ServerFailure): Promise<void> {
  const told: unknown = onFailure?.(failure);
  await told;
}

/** A promise is true whatever it resolves with: every tool that was to be kept back would be offered. */
function isOffered(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return Boolean(answer);
  answer.catch(() => {});
  throw new TypeError("filter must answer at once, got a promise; it cannot be async");
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
