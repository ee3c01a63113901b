import type { Connection } from "../../src/session/connection.js";
import type { Failure } from "../../src/session/failure.js";
import { type OpenConnectionOptions, openConnection } from "../../src/session/open-connection.js";

export interface Opened {
  readonly connection: Connection;
  readonly notifications: string[];
  readonly deaths: Failure[];
  call(
    tool: string,
    args?: Record<string, unknown>,
    options?: { signal?: AbortSignal; onProgress?: (progress: unknown) => void },
  ): Promise<unknown>;
}

export const defaults = {
  server: "test",
  principal: undefined,
  connectTimeoutMs: 20_000,
  closeTimeoutMs: 4_000,
  maxMessageBytes: 67_108_864,
  clientInfo: { name: "test", version: "1.0.0" },
  capabilities: {},
} as const;

export async function open(
  target: OpenConnectionOptions["target"],
  options: Partial<OpenConnectionOptions> = {},
): Promise<Opened> {
  const notifications: string[] = [];
  const deaths: Failure[] = [];
  const connection = await openConnection({
    ...defaults,
    target,
    signal: new AbortController().signal,
    onNotification: (method) => notifications.push(method),
    onDied: (failure) => deaths.push(failure),
    ...options,
  });
  return {
    connection,
    notifications,
    deaths,
    call: (name, args = {}, { signal = new AbortController().signal, onProgress } = {}) =>
      connection.send({ method: "tools/call", params: { name, arguments: args } }, { signal, onProgress }),
  };
}
