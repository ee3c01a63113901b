import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { FloodKind } from "./flood-message.js";
import type { HttpServerMessage } from "./http-server.js";

/** What a lean server offers. */
export interface LeanOptions {
  /** Default 10. */
  readonly tools?: number | undefined;
  /** The revisions with a handshake, or 2026-07-28. Default "legacy". */
  readonly protocol?: "legacy" | "modern" | undefined;
}

/** How to start the lean server over stdio. */
export function stdioServer({ tools = 10, protocol = "legacy" }: LeanOptions = {}): {
  command: string;
  args: string[];
} {
  return { command: process.execPath, args: [pathOf("stdio-server.js"), String(tools), protocol] };
}

export interface HttpServer extends AsyncDisposable {
  readonly url: string;
  /** The most sockets that were open at once since it was last asked. */
  mostSockets(): Promise<number>;
}

/** Starts the lean HTTP server in a process of its own; it ends with this one. */
export async function startHttpServer(
  form: "json" | "sse",
  { tools = 10, protocol = "legacy" }: LeanOptions = {},
): Promise<HttpServer> {
  const child = fork(pathOf("http-server.js"), [String(tools), form, protocol], { execArgv: [] });
  const first = await nextMessage(child);
  if (!("port" in first)) throw new Error("bug: the port comes first");
  return {
    url: `http://127.0.0.1:${first.port}/mcp`,
    async mostSockets() {
      child.send("mostSockets");
      const message = await nextMessage(child);
      return "mostSockets" in message ? message.mostSockets : Number.NaN;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(child, "exit");
      child.disconnect();
      await closed;
    },
  };
}

/** How to start, over stdio, a server that answers until its tool is called and then floods. */
export function stdioFlood(kind: FloodKind): { command: string; args: string[] } {
  return { command: process.execPath, args: [pathOf("flood-server.js"), kind] };
}

/** Starts such a server over HTTP in a process of its own; it ends with this one. */
export async function startHttpFlood(kind: FloodKind): Promise<AsyncDisposable & { readonly url: string }> {
  const child = fork(pathOf("flood-server.js"), [kind, "http"], { execArgv: [] });
  const first = await nextMessage(child);
  if (!("port" in first)) throw new Error("bug: the port comes first");
  return {
    url: `http://127.0.0.1:${first.port}/mcp`,
    async [Symbol.asyncDispose]() {
      const closed = once(child, "exit");
      child.disconnect();
      await closed;
    },
  };
}

function nextMessage(child: ChildProcess): Promise<HttpServerMessage> {
  return new Promise((resolve) => {
    child.once("message", (message: HttpServerMessage) => resolve(message));
  });
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}
