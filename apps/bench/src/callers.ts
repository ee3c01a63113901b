import { MinionClient, type ServerConfig } from "@minion/client";
import { Client as ClientV2, StreamableHTTPClientTransport as HttpV2 } from "@modelcontextprotocol/client";
import { StdioClientTransport as StdioV2 } from "@modelcontextprotocol/client/stdio";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as StdioV1 } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { median } from "./statistics.js";

/** An MCP client reduced to what is measured, so that all of them are driven by the same code. */
export interface Caller {
  call(): Promise<unknown>;
  /** All tools, from the server. */
  list(): Promise<unknown>;
  close(): Promise<void>;
}

/** How to reach a server, for every client alike. */
export type Target =
  | { readonly command: string; readonly args: readonly string[]; readonly env?: Readonly<Record<string, string>> }
  | { readonly url: string };

const identity = { name: "bench", version: "1.0.0" };
const echo = { text: "hello" };

/** Ours, as a user gets it: pool, breaker, cache and retries on, unless `policy` says otherwise. */
export function minion(target: Target, policy: object = {}): Caller & { readonly client: MinionClient } {
  const config: ServerConfig = { ...target, ...policy };
  const client = new MinionClient({ servers: { bench: config } });
  return {
    client,
    call: () => client.callTool("bench", "echo", echo),
    list: () => client.listTools("bench", { refresh: true }),
    close: () => client.close(),
  };
}

/** The official SDK's client, version 1, as it is: one session, multiplexed. */
export async function sdkV1(target: Target): Promise<Caller> {
  const client = new ClientV1(identity);
  await client.connect("url" in target ? new HttpV1(new URL(target.url)) : new StdioV1(mutable(target)));
  return callerOf(client);
}

/**
 * Version 2, told beforehand that the server is of the older protocol, as a client that remembers would; with "auto" it asks
 * once what the server speaks, when it connects.
 */
export async function sdkV2(target: Target, mode: "legacy" | "auto" = "legacy"): Promise<Caller> {
  const client = new ClientV2(identity, { versionNegotiation: { mode } });
  await client.connect("url" in target ? new HttpV2(new URL(target.url)) : new StdioV2(mutable(target)));
  return callerOf(client);
}

function callerOf(client: Pick<ClientV1 | ClientV2, "callTool" | "listTools" | "close">): Caller {
  return {
    call: () => client.callTool({ name: "echo", arguments: echo }),
    list: () => client.listTools(),
    close: () => client.close(),
  };
}

function mutable(target: { command: string; args: readonly string[]; env?: Readonly<Record<string, string>> }) {
  const { command, args, env } = target;
  return { command, args: [...args], ...(env === undefined ? {} : { env: { ...env } }) };
}

/**
 * Milliseconds of one call at a time, the median over `calls` of each caller. They take turns call by call: what the system
 * makes of two processes that wake each other changes from one moment to the next, by more than callers differ.
 */
export async function latencies(
  callers: Readonly<Record<string, Caller>>,
  calls: number,
): Promise<Readonly<Record<string, number>>> {
  const entries = Object.entries(callers).map(([name, caller]) => ({ name, caller, times: [] as number[] }));
  for (let made = 0; made < calls; made += 1) {
    for (let turn = 0; turn < entries.length; turn += 1) {
      const entry = entries[(made + turn) % entries.length];
      const startedAt = performance.now();
      await entry?.caller.call();
      entry?.times.push(performance.now() - startedAt);
    }
  }
  return Object.fromEntries(entries.map(({ name, times }) => [name, median(times)]));
}

/** Calls per second with `concurrency` of them in flight at any time. */
export async function throughput(caller: Caller, concurrency: number, calls: number): Promise<number> {
  let left = calls;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await caller.call();
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: Math.min(concurrency, calls) }, worker));
  return (calls / (performance.now() - startedAt)) * 1000;
}

/** Nanoseconds of processor time, garbage collection included, of each of `calls` made one after another. */
export async function processorTime(caller: Caller, calls: number): Promise<number> {
  const before = process.cpuUsage();
  for (let made = 0; made < calls; made += 1) await caller.call();
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / calls;
}
