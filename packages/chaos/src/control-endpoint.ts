import type { IncomingMessage, ServerResponse } from "node:http";
import type { Conductor } from "./conductor.js";
import { sendJson } from "./http-reply.js";

/** Reads the whole body of a request. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

/** `/control`: GET tells the state, POST obeys a control request. */
export async function answerControl(
  conductor: Conductor,
  request: IncomingMessage,
  response: ServerResponse,
  counts: () => { readonly sessions: number; readonly connections: number },
): Promise<void> {
  // A page of some web site in the developer's browser has no business here.
  const { origin } = request.headers;
  if (origin !== undefined && !/^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(origin)) {
    return sendJson(response, 403, { error: `minion-chaos: not from ${origin}` });
  }
  const state = (): object => ({ faults: conductor.faults, ...counts(), pid: process.pid });
  if (request.method === "GET") return sendJson(response, 200, state());
  if (request.method !== "POST") return sendJson(response, 405, { error: "minion-chaos: GET or POST" });
  const text = await readBody(request);
  try {
    const { endsServer, run } = conductor.prepare(JSON.parse(text));
    if (endsServer) response.once("close", run);
    else run();
  } catch (error) {
    return sendJson(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
  sendJson(response, 200, state());
}
