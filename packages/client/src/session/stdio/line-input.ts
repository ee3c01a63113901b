import type { Readable } from "node:stream";
import { TurnBudget } from "../turn-budget.js";

/** While the server does not read, it is looked at again after so long. */
const pauseMs = 3;
/** The clock is asked between pieces of this size. */
const pieceBytes = 1_024;

/**
 * Hands on what a stream holds in slices of a few milliseconds, one in each turn of the event loop. What is left over waits,
 * and the stream with it, so that a server that says more than can be heard is slowed down by its own pipe.
 */
export class SlicedInput {
  readonly #source: Readable;
  readonly #take: (piece: Buffer) => void;
  /** Whether more may be taken now; asked between slices. */
  readonly #mayGoOn: () => boolean;
  #waiting: Buffer | undefined;
  readonly #budget = new TurnBudget();
  #isScheduled = false;

  constructor(source: Readable, options: { readonly take: (piece: Buffer) => void; readonly mayGoOn: () => boolean }) {
    this.#source = source;
    this.#take = options.take;
    this.#mayGoOn = options.mayGoOn;
    source.on("data", (chunk: Buffer) => this.#push(chunk));
  }

  /** To be called for each message that was found. */
  countMessage(isRequest: boolean): void {
    this.#budget.countMessage(isRequest);
  }

  /** Takes what waits at once, whatever it costs: nothing comes after it. */
  finish(): void {
    const rest = this.#waiting;
    this.#waiting = undefined;
    if (rest !== undefined) this.#take(rest);
    // Lets the stream hand out what it still holds.
    this.#source.resume();
  }

  #push(chunk: Buffer): void {
    const before = this.#waiting;
    this.#waiting = before === undefined ? chunk : Buffer.concat([before, chunk]);
    if (before === undefined) this.#work();
  }

  #work(): void {
    while (this.#waiting !== undefined && this.#mayGoOn() && this.#budget.hasTime()) {
      const piece = this.#waiting;
      this.#waiting = piece.length > pieceBytes ? piece.subarray(pieceBytes) : undefined;
      this.#take(this.#waiting === undefined ? piece : piece.subarray(0, pieceBytes));
    }
    if (this.#waiting === undefined || this.#isScheduled) return;
    this.#source.pause();
    this.#isScheduled = true;
    // Queued behind what ends the budget's turn.
    setImmediate(() => this.#nextTurn());
  }

  #nextTurn(): void {
    this.#isScheduled = false;
    if (this.#waiting === undefined) return;
    if (this.#mayGoOn()) this.#work();
    if (this.#waiting === undefined) this.#source.resume();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setTimeout(() => this.#nextTurn(), pauseMs).unref();
    }
  }
}

const newline = 0x0a;
const edge = 512;

/** Receives what a {@link LineBuffer} finds. */
export interface LineSink {
  line(text: string): void;
  /** A line was longer than allowed and is being skipped; `head` and `tail` are its first and last bytes. */
  tooLong(head: string, tail: string): void;
}

/** Cuts a byte stream into lines, in time linear in its length whatever the pieces, keeping at most `maxBytes`. */
export class LineBuffer {
  readonly #marker: number | undefined;
  readonly #maxBytes: number;
  readonly #sink: LineSink;
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Of a line that is being skipped: its first and its latest bytes. */
  #skipped: { readonly head: Buffer; tail: Buffer } | undefined;

  /** Whole lines without `marker`, a byte, are left out without being made a string of. */
  constructor(maxBytes: number, sink: LineSink, marker?: number) {
    this.#marker = marker;
    this.#maxBytes = maxBytes;
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let start = 0;
    let marker = this.#nextMarker(chunk, 0);
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const isWhole = this.#bytes === 0 && this.#skipped === undefined && end - start <= this.#maxBytes;
      if (marker < start) marker = this.#nextMarker(chunk, start);
      if (isWhole && marker <= end) this.#sink.line(chunk.toString("utf8", start, end));
      else if (!isWhole) this.#finish(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#append(chunk.subarray(start));
  }

  /** Where the marker is next; at `from` where there is no marker. */
  #nextMarker(chunk: Buffer, from: number): number {
    if (this.#marker === undefined) return from;
    const at = chunk.indexOf(this.#marker, from);
    return at === -1 ? Number.POSITIVE_INFINITY : at;
  }

  #append(piece: Buffer): void {
    if (this.#skipped !== undefined) {
      this.#skipped.tail = Buffer.concat([this.#skipped.tail, piece.subarray(-edge)]).subarray(-edge);
      return;
    }
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes <= this.#maxBytes) return;
    const all = this.#take();
    this.#skipped = { head: Buffer.from(all.subarray(0, edge)), tail: Buffer.from(all.subarray(-edge)) };
  }

  #finish(piece: Buffer): void {
    this.#append(piece);
    const skipped = this.#skipped;
    if (skipped === undefined) {
      this.#sink.line(this.#take().toString("utf8"));
    } else {
      this.#skipped = undefined;
      this.#sink.tooLong(skipped.head.toString("utf8"), skipped.tail.toString("utf8"));
    }
  }

  #take(): Buffer {
    const [only] = this.#pieces;
    const all = this.#pieces.length === 1 && only !== undefined ? only : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    return all;
  }
}
