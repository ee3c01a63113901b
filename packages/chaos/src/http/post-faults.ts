import type { IncomingMessage, ServerResponse } from "node:http";
import type { FaultController } from "../fault-controller.js";
import type { Faults, Target } from "../faults.js";
import { rpcError } from "./http-reply.js";

/** What becomes of one POST that is not answered as it should be. */
export interface PostFault {
  readonly kind: "status" | "resetSocket" | "endStream" | "holdStream";
  readonly when: "before" | "after";
  readonly status: number;
  readonly retryAfter: string | number | undefined;
}

/** What the body of a POST asks for, as far as faults and the journal care. */
export interface PostBody {
  readonly json: unknown;
  readonly ids: readonly (string | number)[];
  readonly method: string | undefined;
  readonly tool: string | undefined;
}

const methodsOf: { readonly [T in Target]: (method: string | undefined) => boolean } = {
  posts: () => true,
  calls: (method) => method === "tools/call",
  lists: (method) => method?.endsWith("/list") === true,
  initialize: (method) => method === "initialize",
  discover: (method) => method === "server/discover",
  listen: (method) => method === "subscriptions/listen",
};

/** Reads a body that may be anything. */
export function readPostBody(json: unknown): PostBody {
  const messages = (Array.isArray(json) ? json : [json]).filter(
    (message): message is { readonly [member: string]: unknown } => typeof message === "object" && message !== null,
  );
  const requests = messages.filter((message) => typeof message.method === "string");
  const first = requests[0];
  const params = first?.params;
  const tool = typeof params === "object" && params !== null && "name" in params ? params.name : undefined;
  return {
    json,
    ids: requests.map((request) => request.id).filter((id) => typeof id === "string" || typeof id === "number"),
    method: typeof first?.method === "string" ? first.method : undefined,
    tool: first?.method === "tools/call" && typeof tool === "string" ? tool : undefined,
  };
}

/** Decides whether a fault hits this POST, and uses up one of `times` if so. */
export function hitPost(controller: FaultController, body: PostBody): PostFault | undefined {
  const { status, retryAfter, resetSocket, endStream, holdStream, only, when, times } = controller.faults;
  if (!methodsOf[only](body.method)) return undefined;
  // A notification has no answer that could be lost.
  const hasReply = body.ids.length > 0;
  const kind =
    status !== undefined
      ? "status"
      : resetSocket
        ? "resetSocket"
        : endStream && hasReply
          ? "endStream"
          : holdStream && hasReply
            ? "holdStream"
            : undefined;
  if (kind === undefined) return undefined;
  if (times > 1) controller.set({ times: times - 1 });
  else {
    const off = { status: null, retryAfter: null, resetSocket: null, endStream: null, holdStream: null };
    controller.set({ ...off, only: null, when: null, times: null });
  }
  return { kind, when, status: status ?? 500, retryAfter };
}

/** Answers with the status of a fault. */
export function refuse(response: ServerResponse, fault: PostFault): void {
  const { status, retryAfter } = fault;
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfter !== undefined && { "retry-after": String(retryAfter) }),
    ...(status === 401 && { "www-authenticate": "Bearer" }),
  });
  response.end(rpcError(-32000, `refused with ${status}, as asked`));
}

/** Resets the connection: the client sees ECONNRESET, not an end. */
export function resetSocket(request: IncomingMessage): void {
  request.socket.resetAndDestroy();
}

/** Answers a POST as a fault wants it; `run` does what the POST asks for and throws its answer away. */
export async function strike(
  fault: PostFault,
  reply: Faults["reply"],
  request: IncomingMessage,
  response: ServerResponse,
  run: () => Promise<void>,
): Promise<void> {
  const work = (): Promise<void> => (fault.when === "after" ? run() : Promise.resolve());
  const begin = (): void => {
    const type = reply === "sse" ? "text/event-stream" : "application/json";
    response.writeHead(200, { "content-type": type }).flushHeaders();
  };
  switch (fault.kind) {
    case "status":
      await work();
      return refuse(response, fault);
    case "resetSocket":
      await work();
      return resetSocket(request);
    case "endStream":
      begin();
      await work();
      response.end();
      return;
    case "holdStream":
      begin();
      await work();
  }
}
