import type { ServerResponse } from "node:http";
import { rpcError } from "./post-faults.js";

/** Writes bytes in pieces, each in a turn of the event loop of its own, at the speed of the reader. */
export async function writePieces(response: ServerResponse, bytes: Uint8Array, chunkBytes: number): Promise<void> {
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    if (response.destroyed) return;
    const hasRoom = response.write(bytes.subarray(offset, Math.min(offset + chunkBytes, bytes.length)));
    if (!hasRoom) await drained(response);
    if (offset + chunkBytes < bytes.length) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Copies a reply of the SDK to the socket, and tells the SDK when the client is gone. */
export async function relay(reply: Response, response: ServerResponse, chunkBytes: number): Promise<void> {
  const headers = Object.fromEntries(reply.headers);
  // Node counts these itself.
  delete headers.connection;
  response.writeHead(reply.status, headers);
  response.flushHeaders();
  const reader = reply.body?.getReader();
  if (reader !== undefined) {
    response.once("close", () => {
      reader.cancel().catch(() => {});
    });
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await writePieces(response, value, chunkBytes);
    }
  }
  response.end();
}

/** Reads a reply of the SDK to its end and throws it away. */
export async function discard(reply: Response): Promise<void> {
  await reply.arrayBuffer();
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

export function sendRpcError(response: ServerResponse, status: number, code: number, message: string): void {
  response.writeHead(status, { "content-type": "application/json" }).end(rpcError(code, message));
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      response.off("drain", go);
      response.off("close", go);
      resolve();
    };
    response.on("drain", go);
    response.on("close", go);
  });
}
