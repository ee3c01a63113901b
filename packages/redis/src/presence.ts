/** A process that has not been heard of for so long is not there. */
const goneAfterMs = 15_000;
/** Newcomers are answered at most so often. */
const answerEveryMs = 1_000;
const maxKnown = 10_000;

/** Which processes of a fleet are there, by what they say. While nothing can be heard, those heard of last count. */
export class Presence {
  readonly #self: string;
  readonly #heardAt = new Map<string, number>();
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(self: string) {
    this.#self = self;
    this.#heardAt.set(self, performance.now());
  }

  /** How many there are, this one included. */
  get count(): number {
    return this.#heardAt.size;
  }

  /** A process said that it is there. Whether it is new and to be answered. */
  heard(from: string): boolean {
    const now = performance.now();
    const isNew = !this.#heardAt.has(from);
    if (!isNew || this.#heardAt.size < maxKnown) this.#heardAt.set(from, now);
    if (!isNew || from === this.#self || now - this.#answeredAt < answerEveryMs) return false;
    this.#answeredAt = now;
    return true;
  }

  /** This process is heard, and so would the others be: who was not for long is gone. */
  beat(): void {
    const now = performance.now();
    for (const [who, at] of this.#heardAt) if (who !== this.#self && now - at > goneAfterMs) this.#heardAt.delete(who);
  }
}
