import type { MinionClient, QualifiedTool, ServerFailure } from "@minion/client";

/** What an adapter needs of a client: a `MinionClient` fits, and so does a test double. */
export type ToolSource = Pick<MinionClient, "listAllTools" | "callTool">;

/** What a call of a tool resolves with, as the server sent it. */
export type ToolResult = Awaited<ReturnType<MinionClient["callTool"]>>;

/** Which tools an adapter offers, and how it lists and calls them. */
export interface AdapterOptions {
  /** The servers whose tools are offered; no other is asked or waited for. Default: all. */
  readonly servers?: readonly string[] | undefined;
  /** Whether a tool is offered. Default: every tool is. */
  readonly filter?: ((tool: QualifiedTool) => boolean) | undefined;
  /** On whose behalf tools are listed and called. */
  readonly principal?: string | undefined;
  /** Milliseconds for each call. Default: the server's `callTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds that listing waits for a server before it goes on without it. Default 10 000. */
  readonly listTimeoutMs?: number | undefined;
  /** Its abort ends the listing. A call is ended by the signal that the framework hands to it. */
  readonly signal?: AbortSignal | undefined;
  /** Is told of each server whose tools could not be listed, and why. What it throws rejects the listing. */
  readonly onFailure?: ((failure: ServerFailure) => void) | undefined;
}

type Rule = readonly [rule: string, holds: (value: unknown) => boolean];

const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0;
const isFunction = (value: unknown): boolean => typeof value === "function";

const rules: Readonly<Record<keyof AdapterOptions, Rule>> = {
  servers: ["a list of server names", (value) => Array.isArray(value) && value.every((one) => typeof one === "string")],
  filter: ["a function", isFunction],
  principal: ["a string", (value) => typeof value === "string"],
  timeoutMs: ["a positive number of milliseconds or Infinity", isPositive],
  listTimeoutMs: ["a positive number of milliseconds or Infinity", isPositive],
  signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  onFailure: ["a function", isFunction],
};

/** The options that every adapter has. */
export const adapterOptionNames: readonly string[] = Object.keys(rules);

/** Throws a `TypeError` for an option that is not among `names`, or has a wrong value as far as there is a rule for it. */
export function checkOptions(caller: string, options: object, names: readonly string[] = adapterOptionNames): void {
  if (typeof options !== "object" || options === null) throw new TypeError(`${caller}: options must be an object`);
  const known: Readonly<Record<string, Rule | undefined>> = rules;
  for (const [name, value] of Object.entries(options)) {
    if (!names.includes(name))
      throw new TypeError(`${caller}: there is no option "${name}"; there are ${names.join(", ")}`);
    const rule = known[name];
    if (value !== undefined && rule?.[1](value) === false)
      throw new TypeError(`${caller}: ${name} must be ${rule[0]}, got ${String(value)}`);
  }
}
