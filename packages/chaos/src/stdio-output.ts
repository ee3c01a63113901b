import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import type { Conductor } from "./conductor.js";

const noiseLine = "this line is no JSON-RPC message: {\n";

/** Where the SDK's transport writes its messages: stdout, with noise between them and cut into pieces. */
export class StdioOutput extends Writable {
  readonly #conductor: Conductor;

  constructor(conductor: Conductor) {
    super({ decodeStrings: true });
    this.#conductor = conductor;
  }

  override _write(message: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    const { noise, chunkBytes } = this.#conductor.faults;
    writeNoise(noise);
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
}

/** Writes so many lines to stdout that are no messages. */
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
