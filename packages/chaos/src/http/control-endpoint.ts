import type { IncomingMessage, ServerResponse } from "node:http";
import type { FaultController } from "../fault-controller.js";
import { readBody } from "./door.js";
import { sendJson } from "./http-reply.js";

/** `/control`: GET tells the state, POST obeys a control request. */
export async function answerControl(
  controller: FaultController,
  request: IncomingMessage,
  response: ServerResponse,
  counts: () => { readonly sessions: number; readonly connections: number },
): Promise<void> {
  const state = (): object => ({ faults: controller.faults, ...counts(), pid: process.pid });
  if (request.method === "GET") return sendJson(response, 200, state());
  if (request.method !== "POST") return sendJson(response, 405, { error: "minion-chaos: GET or POST" });
  const text = await readBody(request, response, controller.journal);
  if (text === undefined) return;
  try {
    const { endsServer, run } = controller.prepare(JSON.parse(text));
    if (endsServer) response.once("close", run);
    else run();
  } catch (error) {
    return sendJson(response, 400, { error: error instanceof Error ? error.message : String(error) });
  }
  sendJson(response, 200, state());
}
