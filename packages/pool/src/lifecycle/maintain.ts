import type { KeyState } from "../model/key-state.js";
import { destroy } from "./destroy.js";
import { Validation } from "./validate.js";

/**
 * Plans the next round of a key's background work where there is reason for one and none is planned.
 *
 * There is reason only while something is idle or missing: a minimum that other keys leave no slot for is restored in a
 * later round.
 */
export function planRound<R>(state: KeyState<R>): void {
  if (!state.round.waiting) set(state);
}

function set<R>(state: KeyState<R>): void {
  const { counters, engine, limits } = state;
  const needed = counters.idle > 0 || state.lacksMinimum;
  if (!needed || engine.closed || limits.maintenanceMs === Number.POSITIVE_INFINITY) return;
  engine.background.set(state.round, performance.now(), limits.maintenanceMs);
}

export function cancelRound<R>(state: KeyState<R>): void {
  state.round.toValidate = [];
  state.engine.background.cancel(state.round);
}

/** One round: destroys what has been idle or has lived too long, validates what is idle, restores the minimum. */
export function runRound<R>(state: KeyState<R>): void {
  const { engine, idleList, limits, round, validateAfterIdleMs } = state;
  const now = engine.clock.nowAfterSleep();
  // From the newest to the oldest, because the round takes them off the end.
  round.toValidate = [];
  for (const resource of idleList.idle()) {
    const reason = resource.reasonToGo(now, limits.maxIdleMs);
    if (reason !== undefined) destroy(state, resource, reason);
    else if (now.at - resource.checkedAt >= validateAfterIdleMs) round.toValidate.push(resource);
  }
  engine.settle(state);
  validateNext(state);
}

/** Resources are validated one at a time, so that the others can be lent meanwhile. */
function validateNext<R>(state: KeyState<R>): void {
  const { round } = state;
  if (round.validating) return;
  let resource = round.toValidate.pop();
  while (resource !== undefined && resource.phase !== "idle") resource = round.toValidate.pop();
  if (resource === undefined) return;
  round.validating = true;
  new Validation(state, resource, false, () => {
    round.validating = false;
    validateNext(state);
  }).begin();
}
