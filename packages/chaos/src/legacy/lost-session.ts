import type { ServerResponse } from "node:http";
import type { FaultController } from "../fault-controller.js";
import { rpcError } from "../http/http-reply.js";
import type { PostBody } from "../http/post-faults.js";

/** Answers a request on a session that is not known, in the way that `lostSession` names. */
export function announceLoss(response: ServerResponse, controller: FaultController, body: PostBody | undefined): void {
  const { lostSession } = controller.faults;
  controller.struck("lostSession", `${lostSession} to ${body?.method ?? "a request without a body"}`);
  const [status = "404", form] = lostSession.split("-");
  const code = form === "id" ? -32000 : -32001;
  const type = form === "text" ? "text/plain" : "application/json";
  // A notification has no id that could be used.
  const id = form === "id" ? (body?.ids[0] ?? null) : null;
  const text = "Session not found";
  response.writeHead(Number(status), { "content-type": type });
  response.end(form === "text" ? text : rpcError(code, text, id));
}
