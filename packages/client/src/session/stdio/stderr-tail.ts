import { StringDecoder } from "node:string_decoder";
import { cleanText } from "../../untrusted.js";
import type { Secrets } from "../redact.js";

const maxTail = 4_096;
const maxLine = 8_192;

/** Keeps the end of what a server writes to stderr, masked before it is kept. */
export class StderrTail {
  readonly #secrets: Secrets;
  readonly #decoder = new StringDecoder("utf8");
  #masked = "";
  /** The line that is being written: it can be masked only when it is whole. */
  #line = "";

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  push(chunk: Buffer): void {
    const text = this.#line + this.#decoder.write(chunk);
    const end = text.lastIndexOf("\n") + 1;
    this.#keep(this.#secrets.mask(text.slice(0, end)));
    this.#line = text.slice(end);
    if (this.#line.length <= maxLine) return;
    // A line without end: what may be the beginning of a secret is held back.
    const masked = this.#secrets.mask(this.#line);
    const cut = Math.max(0, masked.length - this.#secrets.longest);
    this.#keep(masked.slice(0, cut));
    this.#line = masked.slice(cut);
  }

  toString(): string {
    const tail = this.#masked + this.#secrets.mask(this.#line);
    // Cleaned as a whole too, since a colour code may have been cut between two parts.
    return cleanText(tail.slice(-maxTail), maxTail).trim();
  }

  #keep(masked: string): void {
    this.#masked = (this.#masked + masked).slice(-maxTail);
  }
}
