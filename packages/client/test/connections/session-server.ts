import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

type Message = { readonly id?: number; readonly method?: string; readonly params?: Record<string, unknown> };

/** How a {@link SessionServer} behaves. */
export interface SessionServerOptions {
  /** Answers what is asked in a session that it does not know. */
  readonly refuse?: (response: ServerResponse, message: Message) => void;
  /** Whether it refuses a second session while there is one. */
  readonly allowsOne?: boolean;
  /** Milliseconds that a call takes. */
  readonly callMs?: number;
  /** Answers a call by itself; true where it did. */
  readonly call?: (response: ServerResponse, message: Message) => boolean;
}

/** An HTTP server that keeps sessions and can forget them. */
export interface SessionServer {
  readonly url: string;
  /** How often `initialize` was asked for, and how often granted. */
  readonly asked: () => number;
  readonly granted: () => number;
  /** What was asked in sessions that it had forgotten. */
  readonly inVain: readonly string[];
  /** How many calls it ran. */
  readonly ran: () => number;
  forget(): void;
}

/** Answers with JSON. */
export function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

export async function sessionServer(options: SessionServerOptions = {}): Promise<SessionServer> {
  const { refuse = (response) => response.writeHead(404).end("no such session"), allowsOne = false } = options;
  const live = new Set<string>();
  const inVain: string[] = [];
  let asked = 0;
  let granted = 0;
  let ran = 0;
  const initialize = (response: ServerResponse, { id, params }: Message): void => {
    asked += 1;
    if (allowsOne && live.size > 0) {
      const error = { code: -32_600, message: "already initialized" };
      answer(response, 400, { jsonrpc: "2.0", id: null, error });
      return;
    }
    granted += 1;
    live.add(`s${granted}`);
    response.setHeader("mcp-session-id", `s${granted}`);
    const result = {
      protocolVersion: params?.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "s", version: "1" },
    };
    answer(response, 200, { jsonrpc: "2.0", id, result });
  };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    if (request.method !== "POST") return response.writeHead(request.method === "GET" ? 405 : 200).end();
    const message: Message = JSON.parse(text);
    if (message.method === "initialize") return initialize(response, message);
    if (!live.has(String(request.headers["mcp-session-id"]))) {
      inVain.push(String(message.method));
      return refuse(response, message);
    }
    if (message.id === undefined) return response.writeHead(202).end();
    if (message.method === "tools/call") {
      if (options.call?.(response, message) === true) return;
      ran += 1;
      await new Promise((resolve) => setTimeout(resolve, options.callMs ?? 0));
    }
    answer(response, 200, { jsonrpc: "2.0", id: message.id, result: { content: [] } });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    asked: () => asked,
    granted: () => granted,
    inVain,
    ran: () => ran,
    forget: () => live.clear(),
  };
}
