import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";

const maxWords = 300;
const wordsWithinMs = 1_000;
/** Statuses whose answers have no body, and must be given none. */
const withoutBody = new Set([204, 205, 304]);

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

/** The first words of a refusal's body, on one line; "" where they do not come soon. */
export function firstWords(body: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const end = (): void => {
      clearTimeout(timer);
      body.destroy();
      resolve(
        text
          .replace(/[\s\p{Cc}]+/gu, " ")
          .trim()
          .slice(0, maxWords),
      );
    };
    const timer = setTimeout(end, wordsWithinMs);
    body.setEncoding("utf8");
    body.on("data", (piece: string) => {
      text += piece;
      if (text.length >= maxWords) end();
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

/** An answer as the SDK's transports want it. */
export function responseOf(
  message: IncomingMessage,
  body: string | ReadableStream<Uint8Array> | null = null,
): Response {
  const { statusCode: status = 0, headers } = message;
  const given = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one]),
  );
  return new Response(withoutBody.has(status) ? null : body, { status, headers: given });
}
