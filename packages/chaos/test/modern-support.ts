import { modernVersion } from "../src/era.js";
import { type ChaosServer, type ChaosServerOptions, startChaosServer } from "../src/index.js";

export const keys = {
  version: "io.modelcontextprotocol/protocolVersion",
  capabilities: "io.modelcontextprotocol/clientCapabilities",
  logLevel: "io.modelcontextprotocol/logLevel",
  serverInfo: "io.modelcontextprotocol/serverInfo",
  subscription: "io.modelcontextprotocol/subscriptionId",
} as const;

type Json = Record<string, unknown>;

/** Everything that a client of the modern era may declare. */
export const everything = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** A request as the revision wants it. */
export function modernMessage(id: string | number, method: string, params: Json = {}, capabilities: Json = {}): Json {
  const { _meta, ...rest } = params;
  const meta = { [keys.version]: modernVersion, [keys.capabilities]: capabilities, ...(_meta as Json | undefined) };
  return { jsonrpc: "2.0", id, method, params: { ...rest, _meta: meta } };
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Every message of the reply, in order. */
  readonly messages: Json[];
  /** The last one, that is the answer. */
  readonly answer: Json & { result?: Json; error?: Json & { code: number; data?: Json } };
}

/** The standard headers of a message. */
export function headersOf(message: Json): Record<string, string> {
  const params = message.params as Json;
  const name = message.method === "resources/read" ? params.uri : params.name;
  return {
    accept: "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": modernVersion,
    "mcp-method": String(message.method),
    ...(typeof name === "string" && { "mcp-name": name }),
  };
}

export function postModern(
  server: { readonly url: string },
  message: Json,
  headers: Record<string, string | undefined> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const all = Object.entries({ ...headersOf(message), ...headers }).filter((entry) => entry[1] !== undefined);
  return fetch(server.url, {
    method: "POST",
    headers: all as [string, string][],
    body: JSON.stringify(message),
    ...(signal && { signal }),
  });
}

/** Sends a request and reads its whole reply. */
export async function askModern(
  server: { readonly url: string },
  message: Json,
  headers: Record<string, string | undefined> = {},
): Promise<Reply> {
  const response = await postModern(server, message, headers);
  const messages = messagesOf(await response.text(), response.headers.get("content-type") ?? "");
  return {
    status: response.status,
    headers: response.headers,
    messages,
    answer: (messages.at(-1) ?? {}) as Reply["answer"],
  };
}

/** The messages in what was read of a reply so far. */
export function messagesOf(text: string, type: string): Json[] {
  if (!type.startsWith("text/event-stream")) return text === "" ? [] : [JSON.parse(text)];
  return [...text.matchAll(/^data: (.+)\n\n/gm)].map(([, data]) => JSON.parse(data ?? ""));
}

/** A standing reply, read as it comes. */
export async function openStream(server: ChaosServer, message: Json) {
  const stop = new AbortController();
  const response = await postModern(server, message, {}, stop.signal);
  const state = { text: "", end: undefined as string | undefined };
  const type = response.headers.get("content-type") ?? "";
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) state.text += decoder.decode(chunk, { stream: true });
    state.end = "ended";
  };
  read().catch((error: Error) => {
    state.end = error.message;
  });
  return {
    response,
    state,
    messages: () => messagesOf(state.text, type),
    close: () => stop.abort(),
  };
}

export function startModern(options: ChaosServerOptions = {}): Promise<ChaosServer> {
  return startChaosServer({ protocol: "modern", ...options });
}

/** A call of a tool. */
export function modernCall(
  id: string | number,
  name: string,
  args: Json = {},
  more: Json = {},
  capabilities: Json = {},
): Json {
  return modernMessage(id, "tools/call", { name, arguments: args, ...more }, capabilities);
}
