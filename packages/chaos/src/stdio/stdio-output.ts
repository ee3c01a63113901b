import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import type { FaultController } from "../fault-controller.js";
import { shaped } from "../http/http-reply.js";
import type { JsonObject } from "../json.js";

const noiseLine = "this line is not a JSON-RPC message: {\n";

const prefixes = { none: "", bom: "\u{feff}", text: "[info] answer: ", color: "\u{1b}[32minfo\u{1b}[0m " } as const;

/** Where the SDK's transport writes its messages: stdout, with noise between them and cut into pieces. */
export class StdioOutput extends Writable {
  readonly #controller: FaultController;

  constructor(controller: FaultController) {
    super({ decodeStrings: true });
    this.#controller = controller;
  }

  /** Writes a message; resolves when it has been handed on. */
  send(message: JsonObject): Promise<void> {
    return new Promise((resolve) => this.write(`${JSON.stringify(message)}\n`, () => resolve()));
  }

  override _write(written: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const { noise, chunkBytes } = this.#controller.faults;
    writeNoise(noise);
    const message = Buffer.concat([this.#prefix(), this.#shape(written)]);
    const writeFrom = (offset: number): void => {
      const piece = message.subarray(offset, Math.min(offset + chunkBytes, message.length));
      process.stdout.write(piece, () => {
        const next = offset + piece.length;
        // A turn of the event loop between two pieces makes them two reads at the other end.
        if (next < message.length) setImmediate(writeFrom, next);
        else done();
      });
    };
    writeFrom(0);
  }

  /** What stands on the line before the message. */
  #prefix(): Buffer {
    const { linePrefix } = this.#controller.faults;
    if (linePrefix !== "none") this.#controller.struck("linePrefix", linePrefix);
    return Buffer.from(prefixes[linePrefix]);
  }

  #shape(line: Buffer): Buffer {
    if (!this.#controller.faults.nullMembers) return line;
    return Buffer.from(`${JSON.stringify(shaped(JSON.parse(line.toString("utf8")), this.#controller))}\n`);
  }
}

/** Writes so many lines to stdout that are not messages. */
export function writeNoise(lines: number): void {
  if (lines > 0) process.stdout.write(noiseLine.repeat(lines));
}

/** Writes so many bytes of lines to stderr, at once. */
export function floodStderr(bytes: number): void {
  const line = `${"chaos ".repeat(20)}\n`;
  for (let left = bytes; left > 0; left -= line.length) process.stderr.write(line.slice(-left));
}

/** Writes to stderr before the process ends: nothing buffered is lost. */
export function lastWords(text: string): void {
  writeSync(2, `${text}\n`);
}
