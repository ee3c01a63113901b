import { closeSync } from "node:fs";
import { createServer } from "node:http";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { FaultController, ListName } from "../fault-controller.js";
import { answerControl } from "../http/control-endpoint.js";
import { isWelcome } from "../http/door.js";
import { portOf } from "../http/http-endpoint.js";
import { sendJson } from "../http/http-reply.js";
import type { JsonObject } from "../json.js";
import { Session } from "../legacy/session.js";
import { ModernStdio } from "../modern/modern-stdio.js";
import type { ServingEndpoint } from "../process/process-host.js";
import { StdioOutput, writeNoise } from "./stdio-output.js";

const maxRequestBytes = 1_073_741_824;

/** A chaos server on this process's stdin and stdout. */
export class StdioEndpoint implements ServingEndpoint {
  readonly #controller: FaultController;
  readonly #session: Session;
  readonly #output: StdioOutput;
  readonly #modern: ModernStdio;

  constructor(controller: FaultController) {
    this.#controller = controller;
    this.#output = new StdioOutput(controller);
    const transport = new StdioServerTransport(process.stdin, this.#output, { maxBufferSize: maxRequestBytes });
    this.#modern = new ModernStdio(controller, transport, (message) => this.#output.send(message));
    this.#session = new Session(controller, this.#modern, "stdio", { announcesReady: true, asksInReply: true });
  }

  get isBusy(): boolean {
    return this.#session.transport.isBusy || this.#modern.dialect.isBusy;
  }

  /** Begins to read, `startDelayMs` from now. */
  async open(): Promise<void> {
    process.stdin.once("end", () => {
      this.#controller.journal.write({ event: "eof" });
      // As most servers do, it ends when nothing is left to do: a call under way is still finished.
      if (this.#controller.faults.ignoreEof) setInterval(() => {}, 1_000_000);
    });
    writeNoise(this.#controller.faults.noise);
    const { startDelayMs } = this.#controller.faults;
    if (startDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, startDelayMs));
    await this.#session.open();
  }

  forgetSessions(): void {
    throw new TypeError(`${this.#controller.owner}: forgetSessions needs HTTP`);
  }

  /** Closes stdout; the process lives on. */
  dropConnections(): void {
    closeSync(1);
  }

  dropStreams(): void {
    this.#endSubscriptions("graceful");
  }

  cutStreams(): void {
    this.#endSubscriptions("cut");
  }

  listChanged(count: number, list: ListName): void {
    if (!this.#modern.isPinned) this.#session.listChanged(count, list);
    this.#modern.dialect.subscriptions.listChanged(count, list);
  }

  resourceUpdated(uri: string, count: number): void {
    this.#session.resourceUpdated(uri, count);
    this.#modern.dialect.subscriptions.resourceUpdated(uri, count);
  }

  inject(message: JsonObject | undefined): void {
    if (this.#output.writableNeedDrain) return;
    if (message === undefined) writeNoise(1);
    else this.#output.send(message).catch(() => {});
  }

  #endSubscriptions(how: "graceful" | "cut"): void {
    const { subscriptions } = this.#modern.dialect;
    if (!this.#modern.isPinned) {
      throw new TypeError(`${this.#controller.owner}: dropStreams and cutStreams need HTTP or the modern era`);
    }
    subscriptions.end(how);
  }
}

/** Opens the control endpoint of a server that has no port of its own; journalled as `control`. */
export function openControl(controller: FaultController, port: number): void {
  const server = createServer((request, response) => {
    if (!isWelcome(request, response, [], controller.journal)) return;
    answerControl(controller, request, response, () => ({ sessions: 1, connections: 1 })).catch((error: unknown) => {
      sendJson(response, 500, { error: String(error) });
    });
  });
  server.on("error", (error) => {
    process.stderr.write(`minion-chaos: no control endpoint: ${error.message}\n`);
    process.exit(2);
  });
  server.listen(port, "127.0.0.1", () => {
    controller.journal.write({ event: "control", url: `http://127.0.0.1:${portOf(server.address())}/control` });
  });
  server.unref();
}
