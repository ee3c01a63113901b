import { PoolQueueFullError, PoolTimeoutError } from "./errors.js";
import type { Lane } from "./lane.js";
import type { PoolLease } from "./lease.js";
import type { AcquireOptions } from "./options.js";
import { Waiter } from "./waiter.js";

/** Waits for a lease until it is granted, refused, given up or out of time: whichever comes first is final. */
export function waitInLine<R>(
  lane: Lane<R>,
  { signal, priority = 0, timeoutMs = lane.limits.acquireTimeoutMs }: AcquireOptions,
  since: number,
  stack: string | undefined,
): Promise<PoolLease<R>> {
  const { core, key, tally } = lane;
  const workOff = () => {
    core.settle(lane);
    core.effects.flush();
  };
  if (!lane.admits) {
    tally.add("rejected", 1);
    const error = new PoolQueueFullError(key, tally.counts(lane.limits.maxPerKey));
    workOff();
    return Promise.reject(error);
  }
  return new Promise((resolve, reject) => {
    const waiter = new Waiter<PoolLease<R>>({ priority, order: core.nextOrder(), since, stack }, resolve, reject);
    waiter.watch({
      signal,
      timeoutMs,
      aborted: () => {
        lane.leave(waiter, performance.now());
        tally.add("cancelled", 1);
        waiter.refuse(signal?.reason);
        workOff();
      },
      timedOut: () => {
        const waitMs = performance.now() - since;
        const error = new PoolTimeoutError(key, timeoutMs, tally.counts(lane.limits.maxPerKey), lane.lastCreateError);
        lane.leave(waiter, since + waitMs);
        tally.add("timeouts", 1);
        core.events?.emit({ type: "timedOut", key, waitMs });
        waiter.refuse(error);
        workOff();
      },
    });
    lane.join(waiter);
    workOff();
  });
}
