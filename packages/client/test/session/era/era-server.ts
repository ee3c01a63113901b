import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request or notification as it was posted. */
export interface Seen {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is answered to a request: a JSON-RPC error or result, with a status. */
export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  /** Sent in place of JSON-RPC. */
  readonly text?: string;
}

/** An HTTP server of a few lines whose every answer a test chooses; what `answer` leaves is answered as `server/discover` and `initialize` are. */
export async function eraServer(
  answer: (message: {
    readonly method: string;
    readonly params: Readonly<Record<string, unknown>>;
    readonly id: number;
  }) => Answer | undefined,
): Promise<{ readonly url: string; readonly seen: Seen[]; count(method: string): number }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.method !== "POST") {
        seen.push({ method: String(request.method), params: {}, headers: request.headers });
        response.writeHead(405).end();
        return;
      }
      const { id, method, params = {} } = JSON.parse(Buffer.concat(chunks).toString());
      seen.push({ method, params, headers: request.headers });
      if (id === undefined) {
        response.writeHead(202).end();
        return;
      }
      const { status = 200, headers, text, ...body } = answer({ method, params, id }) ?? usual(method);
      const type = text === undefined ? "application/json" : "text/plain";
      response.writeHead(status, { "content-type": type, ...headers });
      response.end(text ?? JSON.stringify({ jsonrpc: "2.0", id, ...body }));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const count = (method: string): number => seen.filter((one) => one.method === method).length;
  return { url: `http://127.0.0.1:${port}/mcp`, seen, count };
}

/** What a server of revision 2026-07-28 says of itself. */
export const discovered: Readonly<Record<string, unknown>> = {
  resultType: "complete",
  supportedVersions: ["2026-07-28"],
  capabilities: { tools: {} },
  ttlMs: 0,
  cacheScope: "private",
};

/** What a server of an older revision answers to `initialize`. */
export const initialized: Readonly<Record<string, unknown>> = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "old", version: "1" },
};

function usual(method: string): Answer {
  if (method === "server/discover") return { result: discovered };
  if (method === "initialize") return { result: initialized };
  return { result: { resultType: "complete", content: [], tools: [] } };
}
