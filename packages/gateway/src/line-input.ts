import { Transform, type TransformCallback } from "node:stream";

/** How much of the beginning, and of the end, of a line that is too long is kept to tell whose it is. */
const keptBytes = 1_024;
const lineEnd = 10;
const openBracket = 91;
const byteOrderMark = Buffer.from("\ufeff");

/** What becomes of lines. */
export interface LineRules {
  readonly maxBytes: number;
  /** Told of a line that is longer, with its beginning and its end; it is given to nobody. */
  readonly onTooLong: (beginning: string, end: string) => void;
  /** What the end of the input waits for once the last line was given. */
  readonly beforeEnd: () => Promise<void>;
}

/**
 * Gives bytes on line by line, each line as one chunk. Who joins the chunks of a long line anew with each that comes takes
 * minutes for it; this takes time linear in its length, and memory up to `maxBytes`.
 */
export class LineInput extends Transform {
  readonly #rules: LineRules;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(rules: LineRules) {
    super();
    this.#rules = rules;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let from = 0;
    for (let end = chunk.indexOf(lineEnd); end !== -1; end = chunk.indexOf(lineEnd, from)) {
      this.#add(chunk.subarray(from, end + 1));
      this.#give();
      from = end + 1;
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
    done();
  }

  /** The last line may have no end of its own. */
  override _flush(done: TransformCallback): void {
    if (this.#length > 0) {
      this.#add(Buffer.from("\n"));
      this.#give();
    }
    this.#rules.beforeEnd().then(
      () => done(),
      () => done(),
    );
  }

  #add(part: Buffer): void {
    this.#length += part.length;
    this.#parts.push(part);
    const { maxBytes } = this.#rules;
    if (this.#length <= maxBytes) return;
    // All that there is until it is too long; from then on its beginning, and its end so far.
    const isFirst = this.#length - part.length <= maxBytes;
    const [beginning = part, ...rest] = isFirst ? [Buffer.concat(this.#parts)] : this.#parts;
    const end = isFirst ? beginning : Buffer.concat(rest);
    this.#parts = [Buffer.from(beginning.subarray(0, keptBytes)), Buffer.from(end.subarray(-keptBytes))];
  }

  #give(): void {
    const { maxBytes, onTooLong } = this.#rules;
    const [first, last] = this.#parts;
    if (this.#length <= maxBytes) for (const line of linesOf(Buffer.concat(this.#parts))) this.push(line);
    else onTooLong(first?.toString() ?? "", last?.toString() ?? "");
    this.#parts = [];
    this.#length = 0;
  }
}

/**
 * What a line is given on as: without the byte order mark that some programs on Windows begin with, and a batch of revision
 * 2025-03-26 message by message, since the SDK knows no batches.
 */
function linesOf(given: Buffer): readonly Buffer[] {
  const isMarked = given.subarray(0, byteOrderMark.length).equals(byteOrderMark);
  const line = isMarked ? given.subarray(byteOrderMark.length) : given;
  if (line[0] !== openBracket) return [line];
  try {
    const batch: unknown = JSON.parse(line.toString());
    return Array.isArray(batch) ? batch.map((message) => Buffer.from(`${JSON.stringify(message)}\n`)) : [line];
  } catch {
    return [line];
  }
}

/** The id of a message of which only the beginning and the end are known; null where neither tells. */
export function idIn(beginning: string, end: string): string | number | null {
  const id = String.raw`"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)`;
  const first = new RegExp(String.raw`^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?${id}\s*,`).exec(beginning);
  const last = new RegExp(String.raw`,\s*${id}\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`).exec(end);
  const found = (first ?? last)?.[1];
  if (found === undefined) return null;
  try {
    const value: unknown = JSON.parse(found);
    return typeof value === "string" || typeof value === "number" ? value : null;
  } catch {
    return null;
  }
}
