import type { IncomingMessage, ServerResponse } from "node:http";
import type { FaultController } from "../fault-controller.js";
import { beginStream, sendJson, sendMessage, writeEvent } from "../http/http-reply.js";
import { hitPost, type PostBody, strike } from "../http/post-faults.js";
import { isJsonObject, type JsonObject } from "../json.js";
import { ModernDialect, type ModernResponse } from "./modern-dialect.js";
import { errorResponse, ModernError } from "./modern-error.js";
import type { Link } from "./subscriptions.js";

/** `/mcp` in the modern era: one request per POST, no sessions, and the end of a reply is the cancellation. */
export class ModernEndpoint {
  readonly dialect: ModernDialect;
  readonly #controller: FaultController;
  readonly #streams = new Set<ServerResponse>();

  constructor(controller: FaultController) {
    this.#controller = controller;
    this.dialect = new ModernDialect(controller, "modern");
  }

  /** The replies that are event streams and not at their end. */
  get streams(): ReadonlySet<ServerResponse> {
    return this.#streams;
  }

  async post(request: IncomingMessage, response: ServerResponse, body: PostBody): Promise<void> {
    const { json } = body;
    const fault = hitPost(this.#controller, body);
    if (fault !== undefined) {
      const work = async (): Promise<void> => {
        if (isJsonObject(json)) await this.dialect.answer(json, request.headers, silentLink(response));
      };
      return strike(fault, this.#controller.faults.reply, request, response, work);
    }
    if (!isJsonObject(json)) {
      const batch = errorResponse(null, new ModernError(-32600, 400, "Invalid request: a batch or not an object"));
      return sendJson(response, batch.status, batch.message);
    }
    if (json.id === undefined && typeof json.method === "string") {
      this.dialect.notified(json.method);
      response.writeHead(202).end();
      return;
    }
    await this.#answer(json, request, response);
  }

  async #answer(message: JsonObject, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { streamLifeMs, reply } = this.#controller.faults;
    const isListening = message.method === "subscriptions/listen";
    const stop = new AbortController();
    response.once("close", () => {
      this.#streams.delete(response);
      if (!response.writableEnded) stop.abort(new Error("the client is gone"));
    });
    const send = async (notification: JsonObject): Promise<void> => {
      this.#begin(response);
      await writeEvent(response, notification, this.#controller);
    };
    const link: Link = { send, cut: () => response.end(), signal: stop.signal };
    const timer =
      isListening && Number.isFinite(streamLifeMs) ? setTimeout(() => response.end(), streamLifeMs) : undefined;
    response.once("close", () => {
      clearTimeout(timer);
      if (isListening) stop.abort(new Error("the stream has ended"));
    });
    const answer = await this.dialect.answer(message, request.headers, link);
    if (answer === undefined) return;
    await this.#finish(answer, response, reply === "sse");
  }

  async #finish({ status, message }: ModernResponse, response: ServerResponse, asStream: boolean): Promise<void> {
    if (status === 200 && asStream) this.#begin(response);
    if (response.headersSent) {
      await writeEvent(response, message, this.#controller);
      response.end();
    } else {
      await sendMessage(response, status, message, this.#controller);
    }
  }

  #begin(response: ServerResponse): void {
    if (response.headersSent) return;
    beginStream(response, this.#controller);
    this.#streams.add(response);
  }
}

/** The link of a request whose answer is lost: what it says goes nowhere. */
function silentLink(response: ServerResponse): Link {
  const stop = new AbortController();
  response.once("close", () => stop.abort(new Error("the client is gone")));
  return { send: async () => {}, cut: () => {}, signal: stop.signal };
}
