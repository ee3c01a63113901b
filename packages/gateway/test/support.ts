import { createServer, type Server } from "node:http";
import { MinionClient, type MinionClientOptions } from "@minion/client";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import { Gateway, type GatewayOptions } from "../src/index.js";

/** A gateway on a port of its own, over the given servers. Ends with the test. */
export async function startGateway(
  servers: MinionClientOptions["servers"],
  options: Partial<GatewayOptions> = {},
): Promise<{ readonly url: string; readonly gateway: Gateway; readonly client: MinionClient; readonly http: Server }> {
  const client = new MinionClient({ servers, defaults: { outputSchemas: "off" } });
  const gateway = new Gateway({ client, ...options });
  const http = createServer(gateway.handler());
  const url = await listening(http);
  onTestFinished(async () => {
    await gateway.close();
    await client.close({ graceMs: 0 });
  });
  return { url: `${url}/mcp`, gateway, client, http };
}

/** Where a server listens. Ends with the test. */
export async function listening(http: Server): Promise<string> {
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const address = http.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}

/** What the tests ask of a client of either SDK. */
export interface AnyClient {
  request(method: string, params?: Record<string, unknown>, options?: RequestOptions): Promise<Record<string, unknown>>;
  close(): Promise<void>;
}

export interface RequestOptions {
  readonly signal?: AbortSignal;
  readonly onprogress?: (progress: unknown) => void;
  readonly timeout?: number;
}

/** Takes any result as it is. */
const anything = {
  "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) },
} as const;

/** A client of SDK v2, in the modern era or with the handshake of the older revisions. */
export async function modernClient(url: string, mode: "modern" | "legacy" = "modern"): Promise<AnyClient> {
  const client = new ModernClient(
    { name: "test", version: "1" },
    { versionNegotiation: { mode: mode === "modern" ? { pin: "2026-07-28" } : "legacy" } },
  );
  await client.connect(new ModernHttp(new URL(url)));
  onTestFinished(() => client.close());
  return {
    request: async (method, params, options) =>
      Object(await client.request({ method, params: params ?? {} }, anything, options)),
    close: () => client.close(),
  };
}

/** A client of SDK v1. */
export async function legacyClient(url: string): Promise<AnyClient> {
  const client = new LegacyClient({ name: "test", version: "1" });
  await client.connect(new LegacyHttp(new URL(url)));
  onTestFinished(() => client.close());
  return {
    request: (method, params, options) => client.request({ method, params: params ?? {} }, ResultSchema, options),
    close: () => client.close(),
  };
}

/** Sends one request of revision 2026-07-28 by itself, and gives the response as it came. */
export function post(
  url: string,
  method: string,
  params: Record<string, unknown> = {},
  { headers = {}, signal }: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const name = params.name ?? params.uri;
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
  };
  return fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(typeof name === "string" && { "mcp-name": name }),
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: { ...params, _meta: { ...meta, ...Object(params._meta) } },
    }),
    ...(signal !== undefined && { signal }),
  });
}

/** The JSON that a response carries, as its body or as the last event of its stream. */
export async function answerOf(response: Response): Promise<{ readonly result?: unknown; readonly error?: unknown }> {
  const text = await response.text();
  const data = text.startsWith("{")
    ? text
    : (text
        .match(/^data: (.*)$/gm)
        ?.at(-1)
        ?.slice(6) ?? "{}");
  return JSON.parse(data);
}

/** Reads a stream until its text fits. */
export async function readUntil(response: Response, fits: (text: string) => boolean): Promise<string> {
  if (response.body === null) throw new Error("There is no body");
  let text = "";
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  while (!fits(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`The stream ended: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  reader.releaseLock();
  return text;
}
