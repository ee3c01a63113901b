/**
 * Calls into foreign code (events, `destroy`, abort listeners), put off until the state is final.
 *
 * Every entry into the pool changes its state first and flushes last, so foreign code may call the pool back.
 */
export class Effects {
  #queue: (() => void)[] = [];
  #flushing = false;

  defer(effect: () => void): void {
    this.#queue.push(effect);
  }

  /** Runs what was put off. What is put off meanwhile joins this queue, so thousands of effects need no deep stack. */
  flush(): void {
    if (this.#queue.length > 0) this.#run();
  }

  #run(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    for (const effect of this.#queue) effect();
    this.#queue = [];
    this.#flushing = false;
  }
}
