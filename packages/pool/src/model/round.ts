import { Deadline } from "../support/deadlines.js";
import type { Resource } from "./resource.js";

/** The next round of a key's background work, and what is left to do of the last one. */
export class Round<R> extends Deadline {
  /** The idle resources that are still to be validated, the next one last. */
  toValidate: Resource<R>[] = [];
  validating = false;
  readonly #begin: () => void;

  constructor(begin: () => void) {
    super();
    this.#begin = begin;
  }

  override run(): void {
    this.#begin();
  }
}
