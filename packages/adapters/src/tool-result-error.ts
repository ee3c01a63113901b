import type { ToolResult } from "./adapter-options.js";
import { resultText } from "./result-parts.js";

/** A tool answered with `isError`: it ran, or refused to, and its result says what went wrong. */
export class ToolResultError extends Error {
  override readonly name = "ToolResultError";
  /** Not a property of its own, so that whoever logs the error does not log what the tool returned. */
  readonly #result: ToolResult;

  constructor(result: ToolResult) {
    super(resultText(result));
    this.#result = result;
  }

  /** The whole result, unchanged. */
  get result(): ToolResult {
    return this.#result;
  }
}
