import type { ErrorView } from "./live-state.js";

/** An error that has not come again for so long, while calls were answered, is over. */
const overAfterMs = 3_000;
const maxMessage = 8_000;
const maxStderrLines = 20;

/** What is wrong with one server now: counted from its first time, gone when it is no longer true. */
export class CurrentError {
  #error: { code: string; message: string; first: number; last: number; times: number; refused: number } | undefined;
  #answeredAt = 0;
  #retried: string | undefined;

  /** A call has failed. True where this error is a new one. */
  failed(code: string, message: string): boolean {
    const now = Date.now();
    const error = this.#error;
    // A refusal says nothing new: what the server did before it is what a person wants to read.
    if (code === "ERR_MCP_UNAVAILABLE" && error !== undefined && error.code !== code) {
      error.refused += 1;
      return false;
    }
    if (error?.code === code && withoutFigures(error.message) === withoutFigures(message)) {
      Object.assign(error, { message, last: now, times: error.times + 1 });
      return false;
    }
    this.#error = { code, message, first: now, last: now, times: 1, refused: 0 };
    return true;
  }

  /** An attempt has failed with `code` and is repeated; what its call ends with may be a refusal, which does not tell that. */
  retried(code: string): void {
    this.#retried = code;
  }

  /** The server has answered. */
  answered(): void {
    this.#answeredAt = Date.now();
  }

  /** The error that is over, once. */
  takeOver(): { readonly code: string; readonly times: number } | undefined {
    const error = this.#error;
    if (error === undefined || this.#answeredAt <= error.last || Date.now() - error.last < overAfterMs)
      return undefined;
    this.#error = undefined;
    this.#retried = undefined;
    return error;
  }

  /** The error that holds, with the end of what the server wrote to stderr. */
  view(stderrTail: string): ErrorView | undefined {
    if (this.#error === undefined) return undefined;
    const { code } = this.#error;
    const before = code === "ERR_MCP_UNAVAILABLE" && this.#retried !== undefined;
    const message = before
      ? `${this.#error.message}\nAttempts before that failed with ${this.#retried}.`
      : this.#error.message;
    const cut =
      message.length > maxMessage ? `${message.slice(0, maxMessage)} … (${message.length} characters)` : message;
    const stderr = stderrTail.trimEnd().split("\n").slice(-maxStderrLines).join("\n").slice(-maxMessage);
    // The error of a server that could not be started holds these lines already.
    return { ...this.#error, message: cut, stderr: message.includes(stderr.slice(-500)) ? "" : stderr };
  }
}

/** Two errors that differ in a duration or a count only are the same. */
function withoutFigures(message: string): string {
  return message.replace(/\d+/g, "0");
}
