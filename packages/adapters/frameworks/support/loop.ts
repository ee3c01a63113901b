import type { AdapterOptions } from "@minion/adapters/ai-sdk";
import type { MinionClient } from "@minion/client";

/** What the model asks for. */
export interface ToolUse {
  readonly name: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** What the model was told of its tool call, as the framework hands it to a provider. */
export interface Received {
  readonly content: unknown;
  readonly isError: boolean;
  /** The tools that the model was offered in the first turn. */
  readonly offered: readonly string[];
}

/** The framework's own MCP client, connected to a server. */
export interface OwnClient {
  run(use: ToolUse): Promise<Received>;
  close(): Promise<void>;
}

/** A framework with a model that calls one tool, reads its result and ends. */
export interface Loop {
  readonly name: string;
  run(
    client: MinionClient,
    use: ToolUse,
    options?: { readonly adapter?: AdapterOptions; readonly signal?: AbortSignal },
  ): Promise<Received>;
  /** `retries` is the framework's own option for repeating what failed, where it has one. */
  own(url: string, retries?: number): Promise<OwnClient>;
}

/** Everything that is text in what the model was told. */
export function textOf(received: Received): string {
  return JSON.stringify(received.content);
}

/** The result of a tool call that the model never got to see. */
export function never(): never {
  throw new Error("the model was not told what its tool call returned");
}
