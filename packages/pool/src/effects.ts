/**
 * Calls into foreign code (events, `destroy`, abort listeners), put off until the state is final.
 *
 * Every entry into the pool changes its state first and flushes last, so foreign code may call the pool back.
 */
export class Effects {
  #queue: (() => void)[] = [];
  #next = 0;

  defer(effect: () => void): void {
    this.#queue.push(effect);
  }

  /** Runs what was put off, also what is put off meanwhile. A flush inside an effect takes over what is left. */
  flush(): void {
    if (this.#queue.length === 0) return;
    for (let effect = this.#queue[this.#next]; effect !== undefined; effect = this.#queue[this.#next]) {
      this.#next += 1;
      effect();
    }
    this.#queue = [];
    this.#next = 0;
  }
}
