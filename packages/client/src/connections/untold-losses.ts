import type { Failure } from "../session/failure.js";

const maxLosses = 10_000;

/** Sessions of a stateful server that ended while nobody was calling: the next caller has to be told, if one comes. */
export class UntoldLosses {
  readonly #byKey = new Map<string, Failure>();

  note(key: string, failure: Failure): void {
    this.#byKey.set(key, failure);
    // Principals come and go: of very many who never call again, the first are forgotten.
    const [oldest] = this.#byKey.keys();
    if (this.#byKey.size > maxLosses && oldest !== undefined) this.#byKey.delete(oldest);
  }

  /** The loss that the next caller has to be told of; it is told once. */
  take(key: string): Failure | undefined {
    const loss = this.#byKey.get(key);
    this.#byKey.delete(key);
    return loss;
  }
}
