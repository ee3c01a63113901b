const maxSteps = 800_000;
const maxDepth = 800;

/** A schema, or this content under it, cannot be checked; the message says why and is a part of a sentence. */
export class Uncheckable extends Error {
  override readonly name = "Uncheckable";
}

/**
 * What one check may cost. A step is some 30 ns, so that all steps together take some 25 ms whatever a server sends;
 * the count, unlike a clock, gives the same verdict on every machine.
 */
export class Budget {
  #steps = maxSteps;
  #depth = 0;

  /** How many steps are left. */
  get left(): number {
    return this.#steps;
  }

  /** Takes steps. Throws {@link Uncheckable} where there are none left. */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new Uncheckable("checking it takes too long");
  }

  /** One level deeper. Throws {@link Uncheckable} below the deepest level that the stack is sure to hold. */
  enter(): void {
    this.#steps -= 1;
    if (this.#steps < 0) throw new Uncheckable("checking it takes too long");
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new Uncheckable("it is nested too deeply to be checked");
  }

  /** Back from there. After a throw a budget is of no further use, so that this needs no `finally`. */
  leave(): void {
    this.#depth -= 1;
  }
}
