import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

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
  #transport: Transport | undefined;

  constructor(target: BareTarget, timeoutMs: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
  }

  /** Calls a tool. Rejects as the SDK does. */
  async callTool(name: string, args: Record<string, unknown>): Promise<void> {
    this.#client ??= this.#connect();
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

  /** Closes it when nothing of it is needed any more: a process is killed, also one that is only starting. */
  async end(): Promise<void> {
    const transport = this.#transport;
    if (transport instanceof StdioClientTransport && transport.pid !== null) kill(transport.pid);
    await transport?.close().catch(() => undefined);
  }

  async #connect(): Promise<Client> {
    const client = new Client({ name: "bare-sdk", version: "1.0.0" });
    const transport = transportTo(this.#target);
    this.#transport = transport;
    await client.connect(transport);
    return client;
  }
}

function transportTo(target: BareTarget): Transport {
  if ("url" in target) return new StreamableHTTPClientTransport(new URL(target.url));
  const { command, args, env } = target;
  return new StdioClientTransport({ command, args: [...args], stderr: "ignore", ...(env && { env: { ...env } }) });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
