let tasks: (() => void)[] = [];
let wake: (() => void) | undefined;

/**
 * Runs `task` a microtask later in nobody's async context, whoever asks.
 *
 * A promise or a timer keeps the async context in which it was made (AsyncLocalStorage, with the whole request in it) and
 * passes it on to whatever it runs. What the cache does for its own sake is therefore made here: the loop below began
 * when this module was loaded, and each of its `await`s goes on in that context. The task must not throw.
 */
export function runInOwnContext(task: () => void): void {
  tasks.push(task);
  wake?.();
  wake = undefined;
}

async function loop(): Promise<never> {
  for (;;) {
    await new Promise<void>((resolve) => {
      if (tasks.length > 0) resolve();
      else wake = resolve;
    });
    runTasks();
  }
}

/** Apart from the loop, which would keep the last tasks, and all that they hold, until the next ones. */
function runTasks(): void {
  const due = tasks;
  tasks = [];
  for (const task of due) task();
}

void loop();
