import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";

const startWithinMs = 1_000;

/** Calls back when a body has ended or broken off, or has done so already. */
export function onceClosed(body: Readable, callback: () => void): void {
  if (body.closed) callback();
  else body.once("close", callback);
}

/** The whole body; undefined where it has more than `maxBytes`. */
export function readWhole(body: Readable, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let bytes = 0;
    body.on("data", (piece: Buffer) => {
      bytes += piece.length;
      pieces.push(piece);
      if (bytes <= maxBytes) return;
      resolve(undefined);
      body.destroy();
    });
    body.on("end", () => resolve(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces)));
    body.on("error", reject);
    onceClosed(body, () => reject(new Error("the answer broke off")));
  });
}

/** What a body begins with, as far as it comes soon: at most about `maxLength` characters. The rest is not read. */
export function readStart(body: Readable, maxLength: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const end = (): void => {
      clearTimeout(timer);
      body.destroy();
      resolve(text);
    };
    const timer = setTimeout(end, startWithinMs);
    body.setEncoding("utf8");
    body.on("data", (piece: string) => {
      text += piece;
      if (text.length >= maxLength) end();
    });
    body.on("end", end);
    body.on("error", end);
    body.on("close", end);
  });
}

/** Whether a status says that all is well. */
export function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}
