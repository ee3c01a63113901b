import type { Readable } from "node:stream";

/** Less than the 5 ms that one server may hold the event loop in a turn. */
const sliceMs = 3;
/** What a message leads to runs after the slice that it was in, so that its time is not seen: their number is bounded too. */
const messagesPerSlice = 64;
/** Requests of the server lead to answers, which may have to wait for it. */
const requestsPerSlice = 4;
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
  #turnBegan: number | undefined;
  #messages = 0;
  #requests = 0;

  constructor(source: Readable, options: { readonly take: (piece: Buffer) => void; readonly mayGoOn: () => boolean }) {
    this.#source = source;
    this.#take = options.take;
    this.#mayGoOn = options.mayGoOn;
    source.on("data", (chunk: Buffer) => this.#push(chunk));
  }

  /** To be called for each message that was found. */
  countMessage(isRequest: boolean): void {
    this.#messages += 1;
    if (isRequest) this.#requests += 1;
  }

  /** Takes what waits at once, whatever it costs: nothing comes after it. */
  finish(): void {
    const rest = this.#waiting;
    this.#waiting = undefined;
    if (rest !== undefined) this.#take(rest);
    // What the stream itself still holds.
    this.#source.resume();
  }

  #push(chunk: Buffer): void {
    const before = this.#waiting;
    this.#waiting = before === undefined ? chunk : Buffer.concat([before, chunk]);
    if (before === undefined) this.#work();
  }

  #work(): void {
    if (this.#turnBegan === undefined) {
      this.#turnBegan = performance.now();
      this.#messages = 0;
      this.#requests = 0;
      setImmediate(() => this.#nextTurn());
    }
    while (this.#waiting !== undefined && this.#hasTime(this.#turnBegan)) {
      const piece = this.#waiting;
      this.#waiting = piece.length > pieceBytes ? piece.subarray(pieceBytes) : undefined;
      this.#take(this.#waiting === undefined ? piece : piece.subarray(0, pieceBytes));
    }
    if (this.#waiting !== undefined) this.#source.pause();
  }

  #hasTime(since: number): boolean {
    if (this.#messages >= messagesPerSlice || this.#requests >= requestsPerSlice) return false;
    return this.#mayGoOn() && performance.now() - since < sliceMs;
  }

  #nextTurn(): void {
    this.#turnBegan = undefined;
    if (this.#waiting === undefined) return;
    if (this.#mayGoOn()) this.#work();
    if (this.#waiting === undefined) this.#source.resume();
    else if (this.#turnBegan === undefined) setTimeout(() => this.#nextTurn(), sliceMs).unref();
  }
}
