import { closeSync } from "node:fs";
import { createServer } from "node:http";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import type { Conductor } from "./conductor.js";
import { answerControl } from "./control-endpoint.js";
import { portOf } from "./http-endpoint.js";
import { sendJson } from "./http-reply.js";
import type { EndpointHost } from "./process-host.js";
import { Session } from "./session.js";
import { StdioOutput, writeNoise } from "./stdio-output.js";

const maxRequestBytes = 1_073_741_824;

/** A chaos server on this process's stdin and stdout. */
export class StdioEndpoint implements EndpointHost {
  readonly #conductor: Conductor;
  readonly #session: Session;

  constructor(conductor: Conductor) {
    this.#conductor = conductor;
    const output = new StdioOutput(conductor);
    const transport = new StdioServerTransport(process.stdin, output, { maxBufferSize: maxRequestBytes });
    this.#session = new Session(conductor, transport, "stdio", { announcesReady: true, asksInReply: true });
  }

  get isBusy(): boolean {
    return this.#session.transport.isBusy;
  }

  /** Begins to read, `startDelayMs` from now. */
  async open(): Promise<void> {
    process.stdin.once("end", () => {
      this.#conductor.journal.write({ event: "eof" });
      // As most servers do, it ends when nothing is left to do: a call under way is still finished.
      if (this.#conductor.faults.ignoreEof) setInterval(() => {}, 1_000_000);
    });
    writeNoise(this.#conductor.faults.noise);
    const { startDelayMs } = this.#conductor.faults;
    if (startDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, startDelayMs));
    await this.#session.open();
  }

  forgetSessions(): void {
    throw new TypeError(`${this.#conductor.owner}: forgetSessions needs HTTP`);
  }

  /** Closes stdout; the process lives on. */
  dropConnections(): void {
    closeSync(1);
  }

  dropStreams(): void {
    throw new TypeError(`${this.#conductor.owner}: dropStreams needs HTTP`);
  }

  listChanged(count: number): void {
    this.#session.listChanged(count);
  }
}

/** Opens the control endpoint of a server that has no port of its own; journalled as `control`. */
export function openControl(conductor: Conductor, port: number): void {
  const server = createServer((request, response) => {
    answerControl(conductor, request, response, () => ({ sessions: 1, connections: 1 })).catch((error: unknown) => {
      sendJson(response, 500, { error: String(error) });
    });
  });
  server.on("error", (error) => {
    process.stderr.write(`minion-chaos: no control endpoint: ${error.message}\n`);
    process.exit(2);
  });
  server.listen(port, "127.0.0.1", () => {
    conductor.journal.write({ event: "control", url: `http://127.0.0.1:${portOf(server.address())}/control` });
  });
  server.unref();
}
