import type { Core } from "./core.js";
import { Creation } from "./creation.js";
import { holdingProcess } from "./timer.js";

/** Starts the creations that are missing until `count` resources of a key rest, and waits for them. */
export async function warmUp<R>(
  core: Core<R>,
  key: string,
  count: number | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lane = core.lane(key);
  const { maxIdlePerKey, minIdlePerKey } = lane.limits;
  lane.inUse = true;
  const target = Math.min(count ?? Math.max(1, minIdlePerKey), maxIdlePerKey);
  // Asked for explicitly, so a failure before does not hold it up.
  lane.retry.cancel();
  for (let missing = lane.shortOf(target); missing > 0 && core.capacity.spare; missing -= 1) lane.create(undefined);
  const coming = [...lane.members].flatMap((member) =>
    member instanceof Creation && !member.retired ? [member.over()] : [],
  );
  core.settle(lane);
  core.effects.flush();
  await holdingProcess(untilAborted(Promise.all(coming), signal));
}

function untilAborted(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<unknown> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason);
    signal.addEventListener("abort", aborted, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", aborted));
  });
}
