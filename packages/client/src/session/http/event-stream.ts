const newline = 0x0a;
const carriageReturn = 0x0d;

/** An event is larger than allowed. */
export class EventTooLarge extends Error {
  override readonly name = "EventTooLarge";
}

/**
 * Passes on a stream of server-sent events in pieces of whole lines, so that parsing it costs time linear in its
 * length, bounds the size of an event, and remembers the id of the latest.
 */
export class EventStreamGuard {
  readonly #maxEventBytes: number;
  #pieces: Uint8Array[] = [];
  #piecesBytes = 0;
  #eventBytes = 0;
  #endsInReturn = false;
  #lastId: string | undefined;
  /** Of the event that is not complete yet. */
  #nextId: string | undefined;

  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes;
  }

  /** The id of the latest complete event that had one: from there on the stream can be resumed. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** Returns the lines that `chunk` completes; undefined where it completes none. Throws {@link EventTooLarge}. */
  push(chunk: Uint8Array): Buffer | undefined {
    const end = Math.max(chunk.lastIndexOf(newline), chunk.lastIndexOf(carriageReturn)) + 1;
    if (end === 0) {
      this.#hold(chunk);
      return undefined;
    }
    const lines = Buffer.concat([...this.#pieces, chunk.subarray(0, end)]);
    this.#pieces = [];
    this.#piecesBytes = 0;
    const lastEnd = this.#lastEndIn(lines);
    this.#endsInReturn = lines.at(-1) === carriageReturn;
    this.#measure(lines, lastEnd);
    this.#findId(lines, lastEnd);
    this.#hold(chunk.subarray(end));
    return lines;
  }

  /** The line that has no end yet; empty where there is none. */
  get rest(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  #hold(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.#piecesBytes += piece.length;
    if (this.#eventBytes + this.#piecesBytes > this.#maxEventBytes) throw new EventTooLarge();
  }

  /** Where the last event ends, by an empty line; -1 where none does. */
  #lastEndIn(lines: Buffer): number {
    const isEnd = lines[0] === carriageReturn || (lines[0] === newline && !this.#endsInReturn);
    return Math.max(...["\n\n", "\n\r", "\r\r"].map((end) => lines.lastIndexOf(end)), isEnd ? 0 : -1);
  }

  #measure(lines: Buffer, lastEnd: number): void {
    this.#eventBytes = lastEnd === -1 ? this.#eventBytes + lines.length : lines.length - lastEnd;
    if (this.#eventBytes > this.#maxEventBytes) throw new EventTooLarge();
  }

  #findId(lines: Buffer, lastEnd: number): void {
    if (lastEnd !== -1) this.#completeId();
    for (let at = lines.indexOf("id:"); at !== -1; at = lines.indexOf("id:", at + 3)) {
      const before = at === 0 ? newline : lines[at - 1];
      if (before !== newline && before !== carriageReturn) continue;
      const id = /^id: ?([^\r\n]*)/.exec(lines.toString("utf8", at, at + 1_024))?.[1];
      if (id === undefined || id === "") continue;
      this.#nextId = id;
      if (at < lastEnd) this.#completeId();
    }
  }

  #completeId(): void {
    this.#lastId = this.#nextId ?? this.#lastId;
    this.#nextId = undefined;
  }
}
