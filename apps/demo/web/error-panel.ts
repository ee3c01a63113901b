import type { ErrorView } from "../src/live-state.js";
import { make, setText } from "./element.js";
import { timeOfDay } from "./format.js";

/** What is wrong with a server, whole: how often, since when, what to do, and what its process wrote last. */
export class ErrorPanel {
  readonly element: HTMLElement = make("section", "error");
  readonly #code = make("b");
  readonly #count = make("span");
  readonly #message = make("p", "message");
  readonly #stderr = make("details");
  readonly #lines = make("pre");

  constructor(server: string) {
    this.element.setAttribute("aria-label", `What is wrong with ${server}`);
    this.element.hidden = true;
    const summary = make("p", "count");
    summary.append(this.#code, " ", this.#count);
    this.#stderr.append(make("summary", "", "What its process wrote to stderr last"), this.#lines);
    this.element.append(summary, this.#message, this.#stderr);
  }

  show(error: ErrorView | undefined): void {
    this.element.hidden = error === undefined;
    if (error === undefined) return;
    setText(this.#code, error.code);
    setText(this.#count, countInWords(error));
    setText(this.#message, error.message);
    this.#stderr.hidden = error.stderr === "";
    setText(this.#lines, error.stderr);
  }
}

function countInWords({ first, last, times, refused }: ErrorView): string {
  const often =
    times === 1
      ? `once, at ${timeOfDay(last)}`
      : `${times} times since ${timeOfDay(first)}, last at ${timeOfDay(last)}`;
  return refused === 0 ? often : `${often}; ${refused} ${refused === 1 ? "call" : "calls"} refused since`;
}
