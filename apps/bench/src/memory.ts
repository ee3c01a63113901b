/** Bytes that are alive: the heap and what hangs on it, after everything that can go has gone. Needs `--expose-gc`. */
export async function liveBytes(): Promise<number> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("liveBytes: node must run with --expose-gc");
  for (let pass = 0; pass < 4; pass += 1) {
    gc();
    // Finalizers and what promises still hold go between two passes.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** What `make` keeps alive, in bytes; its result is held until the end of the measurement. */
export async function bytesHeldBy(make: () => unknown): Promise<number> {
  const before = await liveBytes();
  const held = await make();
  const after = await liveBytes();
  if (held === undefined) throw new Error("bytesHeldBy: make must return what it made");
  return after - before;
}

/** Runs `make` and counts the timers started meanwhile, also those that hold no process alive. */
export async function timersStartedBy(make: () => unknown): Promise<number> {
  const { setTimeout: timeout, setInterval: interval } = globalThis;
  let started = 0;
  const counting = {
    setTimeout: Object.assign((...args: Parameters<typeof timeout>) => {
      started += 1;
      return timeout(...args);
    }, timeout),
    setInterval: Object.assign((...args: Parameters<typeof interval>) => {
      started += 1;
      return interval(...args);
    }, interval),
  };
  Object.assign(globalThis, counting);
  try {
    await make();
  } finally {
    Object.assign(globalThis, { setTimeout: timeout, setInterval: interval });
  }
  return started;
}
