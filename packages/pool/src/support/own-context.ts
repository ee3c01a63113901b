let tasks: (() => void)[] = [];
let wake: (() => void) | undefined;

/**
 * Runs a task a microtask later, in the async context in which this module was loaded, whoever asks for it. It must not throw.
 *
 * All code of the user and all timers are started this way. So none of them carries the request, trace or user of a caller
 * with it, or keeps them alive; and the pool's state is final by the time the user's code runs.
 */
export function runInOwnContext(task: () => void): void {
  tasks.push(task);
  wake?.();
  wake = undefined;
}

/**
 * An async function keeps the context in which it was called (AsyncLocalStorage, domains, zones) over each of its `await`s,
 * so no `node:` module is needed.
 */
async function work(): Promise<never> {
  for (;;) {
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
    runAll();
  }
}

/**
 * Runs all tasks, with those that they add: thousands of them need no deep stack. Not a part of `work`, because an async
 * function that waits keeps its variables alive, and with the last task the caller for whom it was.
 */
function runAll(): void {
  for (const task of tasks) task();
  tasks = [];
}

void work();
