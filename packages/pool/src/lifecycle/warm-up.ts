import type { KeyState } from "../model/key-state.js";
import { unwatchAbort, watchAbort } from "../support/abort-watch.js";
import { holdingProcess } from "../support/timer.js";
import { Creation } from "./create.js";

/** Starts the creations that are missing until `count` resources of a key are idle, and waits for them. */
export async function warmUp<R>(
  state: KeyState<R>,
  count: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { creations, engine } = state;
  const { maxIdlePerKey, minIdlePerKey } = state.limits;
  state.inUse = true;
  const target = Math.min(count ?? Math.max(1, minIdlePerKey), maxIdlePerKey);
  // The caller asks for it, so a failure before does not hold it up.
  state.retry.cancel();
  for (let missing = state.shortOf(target); missing > 0 && engine.hasSpareSlot; missing -= 1)
    new Creation(state, undefined).begin();
  const coming = [...creations].flatMap((creation) => (creation.retired ? [] : [creation.over()]));
  engine.settle(state);
  await holdingProcess(untilAborted(Promise.all(coming), signal));
}

function untilAborted(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const target = { aborted: reject };
    watchAbort(signal, target);
    promise.then(resolve, reject).finally(() => unwatchAbort(signal, target));
  });
}
