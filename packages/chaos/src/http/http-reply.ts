import type { ServerResponse } from "node:http";
import type { FaultController } from "../fault-controller.js";
import { isJsonObject, type JsonObject } from "../json.js";
import { withNulls } from "../wire-nulls.js";

/** What is still to be written to a response: pieces of two events never mix. */
const pending = new WeakMap<ServerResponse, Promise<void>>();

/** Writes bytes in pieces, each in a turn of the event loop of its own, at the speed of the reader. */
export function writePieces(response: ServerResponse, bytes: Uint8Array, chunkBytes: number): Promise<void> {
  const written = (pending.get(response) ?? Promise.resolve()).then(async () => {
    for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
      if (response.destroyed || response.writableEnded) return;
      const hasRoom = response.write(bytes.subarray(offset, Math.min(offset + chunkBytes, bytes.length)));
      if (!hasRoom) await drained(response);
      if (offset + chunkBytes < bytes.length) await new Promise((resolve) => setImmediate(resolve));
    }
  });
  pending.set(response, written);
  return written;
}

/** The head of an event stream, with its `retry` where that is asked for. */
export function beginStream(response: ServerResponse, controller: FaultController): void {
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
  });
  response.flushHeaders();
  writeRetry(response, controller);
}

/** The `retry` of a stream that has begun. */
export function writeRetry(response: ServerResponse, controller: FaultController): void {
  const { sseRetryMs } = controller.faults;
  if (sseRetryMs === undefined) return;
  controller.struck("sseRetryMs", `${sseRetryMs} ms`);
  response.write(`retry: ${sseRetryMs}\n\n`);
}

/** Writes a message as an event of a stream. */
export function writeEvent(response: ServerResponse, message: JsonObject, controller: FaultController): Promise<void> {
  return writePieces(response, Buffer.from(eventOf(shaped(message, controller))), controller.faults.chunkBytes);
}

/** Writes a message as a whole reply. */
export async function sendMessage(
  response: ServerResponse,
  status: number,
  message: JsonObject,
  controller: FaultController,
): Promise<void> {
  response.writeHead(status, { "content-type": "application/json" });
  const bytes = Buffer.from(JSON.stringify(shaped(message, controller)));
  await writePieces(response, bytes, controller.faults.chunkBytes);
  response.end();
}

/** Copies a reply of the SDK to the socket, and tells the SDK when the client is gone. */
export async function relay(reply: Response, response: ServerResponse, controller: FaultController): Promise<void> {
  const headers = Object.fromEntries(reply.headers);
  // Node counts these itself.
  delete headers.connection;
  const isStream = headers["content-type"]?.startsWith("text/event-stream") === true;
  response.writeHead(reply.status, headers);
  response.flushHeaders();
  if (isStream) writeRetry(response, controller);
  const reader = reply.body?.getReader();
  if (reader !== undefined) {
    response.once("close", () => {
      reader.cancel().catch(() => {});
    });
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const bytes = controller.faults.nullMembers ? reshape(value, isStream, controller) : value;
      await writePieces(response, bytes, controller.faults.chunkBytes);
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

/** The body of a refusal, as MCP servers write it. */
export function rpcError(code: number, message: string, id: unknown = null): string {
  return JSON.stringify({ jsonrpc: "2.0", error: { code, message }, id });
}

/** A message as the faults want it on the wire. */
export function shaped(message: JsonObject, controller: FaultController): JsonObject {
  if (!controller.faults.nullMembers) return message;
  controller.struck("nullMembers", typeof message.method === "string" ? message.method : `the answer to ${message.id}`);
  return withNulls(message);
}

function eventOf(message: JsonObject): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

/** One chunk of the SDK, which holds one whole message, written anew. */
function reshape(chunk: Uint8Array, isStream: boolean, controller: FaultController): Uint8Array {
  const text = Buffer.from(chunk).toString("utf8");
  const json = isStream ? /^data: (.+)$/m.exec(text)?.[1] : text;
  if (json === undefined) return chunk;
  const message: unknown = JSON.parse(json);
  if (!isJsonObject(message)) return chunk;
  const next = shaped(message, controller);
  return Buffer.from(isStream ? eventOf(next) : JSON.stringify(next));
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
