import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { discovered, initialized } from "./era-server.js";

/** What stands at a URL: HTTP+SSE alone, or streamable HTTP of an older revision or of today. */
export type Speaks = "sse" | "legacy" | "modern";

export interface UrlServer {
  readonly url: string;
  /** Everything that was asked for, in order: "GET", or "POST" with the method of the message. */
  readonly seen: string[];
  /** What it speaks from now on, and how it refuses what it does not know. */
  speaks: Speaks;
  refusal: { readonly status: number; readonly text: string };
  /** Answers a GET by itself: returns true. */
  onGet: (response: ServerResponse) => boolean;
  /** How often something was asked for. */
  count(what: string): number;
  /** Ends all streams and sockets. */
  drop(): void;
  /** Refuses connections from now on, or accepts them again. */
  stop(): Promise<void>;
  resume(): Promise<void>;
}

/** A server at one URL whose transport can be changed while it runs. HTTP+SSE is posted to at another path. */
export async function urlServer(speaks: Speaks, refusal: Partial<UrlServer["refusal"]> = {}): Promise<UrlServer> {
  const streams = new Set<ServerResponse>();
  let port = 0;
  const state: UrlServer = {
    url: "",
    seen: [],
    speaks,
    refusal: { status: 404, text: "no", ...refusal },
    onGet: () => false,
    count: (what) => state.seen.filter((one) => one === what).length,
    drop: () => server.closeAllConnections(),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
    resume: async () => {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
    },
  };
  const refuse = (response: ServerResponse): void => {
    response.writeHead(state.refusal.status, { "content-type": "text/plain" }).end(state.refusal.text);
  };
  const posted = (request: IncomingMessage, response: ServerResponse, text: string): void => {
    const { id, method } = JSON.parse(text);
    const isMessages = request.url === "/messages";
    if (!isMessages) state.seen.push(`POST ${method}`);
    const result = resultFor(method, state.speaks);
    if (isMessages !== (state.speaks === "sse") || (id !== undefined && result === undefined)) {
      refuse(response);
      return;
    }
    const answer = JSON.stringify({ jsonrpc: "2.0", id, result });
    if (!isMessages && id !== undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(answer);
      return;
    }
    response.writeHead(202).end();
    if (id !== undefined) for (const stream of streams) stream.write(`data: ${answer}\n\n`);
  };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method === "POST") return posted(request, response, Buffer.concat(chunks).toString());
      state.seen.push(String(request.method));
      if (state.onGet(response)) return;
      if (state.speaks !== "sse") return refuse(response);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("event: endpoint\ndata: /messages\n\n");
      streams.add(response);
      response.on("close", () => streams.delete(response));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${port}/mcp` });
}

/** Undefined where it is unknown to what is spoken. */
function resultFor(method: string, speaks: Speaks): Readonly<Record<string, unknown>> | undefined {
  if (method === "server/discover") return speaks === "modern" ? discovered : undefined;
  if (method === "initialize") return speaks === "modern" ? undefined : initialized;
  return { resultType: "complete", content: [{ type: "text", text: speaks }], tools: [] };
}
