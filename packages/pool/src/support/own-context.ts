/**
 * Runs tasks in the async context in which it was made, whoever asks for them.
 *
 * A loop begun here keeps this context (AsyncLocalStorage, domains, zones) over each of its `await`s. So a connection
 * made on behalf of the first caller does not carry that caller's request, trace or user with it for the rest of its life.
 */
export class OwnContext {
  #tasks: (() => void)[] = [];
  #wake: (() => void) | undefined;

  constructor() {
    void this.#loop();
  }

  /** The task runs a microtask later. It must not throw. */
  run(task: () => void): void {
    this.#tasks.push(task);
    this.#wake?.();
    this.#wake = undefined;
  }

  async #loop(): Promise<never> {
    for (;;) {
      await new Promise<void>((resolve) => {
        if (this.#tasks.length > 0) resolve();
        else this.#wake = resolve;
      });
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) task();
    }
  }
}
