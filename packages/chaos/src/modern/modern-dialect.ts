import type { IncomingHttpHeaders } from "node:http";
import { modernVersion, supportedVersions } from "../era.js";
import type { FaultController } from "../fault-controller.js";
import { answer, isServed } from "../features/answer.js";
import { declaredCapabilities, declaredInstructions } from "../features/capabilities.js";
import { forever, pause, type RequestContext } from "../features/tool.js";
import type { JsonObject } from "../json.js";
import { floodStderr } from "../stdio/stdio-output.js";
import { checkRequest, isLogged, type ModernRequest } from "./check-request.js";
import { asker, InputRequired } from "./input-required.js";
import { errorResponse, ModernError } from "./modern-error.js";
import { modernResult } from "./modern-results.js";
import { type Link, Subscriptions } from "./subscriptions.js";

/** The answer to a request, and its status over HTTP. */
export interface ModernResponse {
  readonly status: number;
  readonly message: JsonObject;
}

/** Revision 2026-07-28, whatever carries it: each request stands for itself. */
export class ModernDialect {
  readonly subscriptions: Subscriptions;
  readonly #controller: FaultController;
  /** How its requests are journalled: the modern era has no sessions. */
  readonly #session: string;
  readonly #memory = { counter: 0 };
  #open = 0;

  constructor(controller: FaultController, session: string) {
    this.#controller = controller;
    this.#session = session;
    this.subscriptions = new Subscriptions(controller);
  }

  /** Whether a request other than a subscription is being worked on. */
  get isBusy(): boolean {
    return this.#open > this.subscriptions.size;
  }

  /**
   * Answers one request. Resolves with nothing where it is not to be answered: it was cancelled, or its way is cut.
   *
   * @param headers undefined over stdio
   */
  async answer(
    message: JsonObject,
    headers: IncomingHttpHeaders | undefined,
    link: Link,
  ): Promise<ModernResponse | undefined> {
    const { faults, journal } = this.#controller;
    let request: ModernRequest;
    try {
      request = checkRequest(message, headers, faults);
    } catch (error) {
      const response = errorResponse(message.id, error);
      const { code, message: reason } = error instanceof ModernError ? error : { code: -32603, message: String(error) };
      journal.write({ event: "rejected", code, method: String(message.method), reason });
      return faults.hangEverything ? forever(link.signal) : response;
    }
    const { id, method, params } = request;
    const tool = method === "tools/call" && typeof params.name === "string" ? params.name : undefined;
    journal.write({ event: "request", method, tool, id, session: this.#session, revision: modernVersion });
    this.#open += 1;
    this.#controller.touch();
    try {
      const result = await untilAborted(this.#run(request, link), link.signal);
      if (result === undefined) return undefined;
      if (tool !== undefined && this.#controller.host.ownsProcess) floodStderr(this.#controller.faults.stderrFlood);
      return {
        status: 200,
        message: { jsonrpc: "2.0", id, result: modernResult(method, result, this.#controller.faults) },
      };
    } catch (error) {
      if (!link.signal.aborted) return errorResponse(id, error);
      if (tool !== undefined) journal.write({ event: "cancelled", tool, id });
      return undefined;
    } finally {
      this.#open -= 1;
      this.#controller.touch();
    }
  }

  /** Journals a notification of the client. */
  notified(method: string): void {
    this.#controller.journal.write({ event: "notification", method, session: this.#session });
    this.#controller.touch();
  }

  async #run(request: ModernRequest, link: Link): Promise<JsonObject | undefined> {
    const { faults } = this.#controller;
    const { method, params } = request;
    if (faults.hangEverything) return forever(link.signal);
    if (method === "server/discover" && !faults.noDiscover) return this.#discover(link);
    if (method === "subscriptions/listen") return this.subscriptions.listen(request, link);
    if (!isServed(method, faults)) throw new ModernError(-32601, 404, `Method not found: ${method}`);
    try {
      return await answer(method, params, this.#contextOf(request, link));
    } catch (error) {
      if (error instanceof InputRequired) return error.result;
      throw error;
    }
  }

  async #discover({ signal }: Link): Promise<JsonObject> {
    const { faults, host } = this.#controller;
    if (faults.hangInitialize) return forever(signal);
    if (faults.startDelayMs > 0) await pause(faults.startDelayMs, signal);
    if (faults.busy) host.spin();
    return {
      supportedVersions: supportedVersions(faults),
      capabilities: declaredCapabilities(faults),
      ...declaredInstructions(faults),
    };
  }

  #contextOf(request: ModernRequest, link: Link): RequestContext {
    const notify = (method: string, params: JsonObject): Promise<void> =>
      link.signal.aborted ? Promise.resolve() : link.send({ jsonrpc: "2.0", method, params });
    return {
      controller: this.#controller,
      memory: this.#memory,
      signal: link.signal,
      ask: asker(request.params, request.clientCapabilities),
      report: async (progress, total) => {
        const { progressToken } = request;
        if (progressToken !== undefined) await notify("notifications/progress", { progressToken, progress, total });
      },
      log: async (level, data) => {
        if (isLogged(level, request)) await notify("notifications/message", { level, logger: "minion-chaos", data });
      },
      announce: (count) => this.subscriptions.listChanged(count, "tools"),
    };
  }
}

/** What a promise comes to, or the abort, whichever is first: nothing may be answered after it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([work, forever(signal)]);
}
