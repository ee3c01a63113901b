import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

/** How the bare SDK reaches a server. */
export type BareTarget =
  | {
      readonly command: string;
      readonly args: readonly string[];
      readonly env?: Readonly<Record<string, string>> | undefined;
    }
  | { readonly url: string };

/**
 * A server through the official SDK alone, used as its documentation shows: one client, connected once, called as it is.
 * The comparison that the demo shows beside Minion.
 */
export class BareSdk {
  readonly #target: BareTarget;
  readonly #timeoutMs: number;
  #client: Promise<Client> | undefined;

  constructor(target: BareTarget, timeoutMs: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
  }

  /** Calls a tool. Rejects as the SDK does. */
  async callTool(name: string, args: Record<string, unknown>): Promise<void> {
    this.#client ??= connect(this.#target);
    const client = await this.#client;
    await client.callTool({ name, arguments: args }, undefined, { timeout: this.#timeoutMs });
  }

  /** What a person does when nothing works any more: starts over. */
  async restart(): Promise<void> {
    await this.close();
    this.#client = undefined;
  }

  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close().catch(() => undefined);
  }
}

async function connect(target: BareTarget): Promise<Client> {
  const client = new Client({ name: "bare-sdk", version: "1.0.0" });
  if ("url" in target) {
    await client.connect(new StreamableHTTPClientTransport(new URL(target.url)));
  } else {
    const { command, args, env } = target;
    const parameters = { command, args: [...args], stderr: "ignore" as const, ...(env && { env: { ...env } }) };
    await client.connect(new StdioClientTransport(parameters));
  }
  return client;
}
