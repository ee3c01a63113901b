import type { KeyState } from "../model/key-state.js";
import type { Resource } from "../model/resource.js";
import type { DestroyContext } from "../options.js";
import type { DestroyReason } from "../stats.js";
import { runInOwnContext } from "../support/own-context.js";
import { quote } from "../support/quote.js";
import { Timer } from "../support/timer.js";

/** Has a resource destroyed: now, or when its last lease has ended. */
export function retire<R>(state: KeyState<R>, resource: Resource<R>, reason: DestroyReason): void {
  if (resource.phase === "leased") state.retireOnRelease(resource, reason);
  else destroy(state, resource, reason);
}

/** A resource broke by itself. */
export function died<R>(state: KeyState<R>, resource: Resource<R>, cause: unknown): void {
  retire(state, resource, "died");
  state.abortLeases(resource, cause ?? new Error(`Pool: the resource of ${quote(state.key)} died`));
  state.engine.settle(state);
}

/** Takes a resource from whoever holds it, and destroys it. */
export function takeByForce<R>(state: KeyState<R>, resource: Resource<R>, reason: DestroyReason, cause: unknown): void {
  state.abortLeases(resource, cause);
  destroy(state, resource, reason);
}

/** Destroys a resource, whatever its phase. Its slot is free when `destroy` of the options has settled. */
export function destroy<R>(state: KeyState<R>, resource: Resource<R>, reason: DestroyReason): void {
  if (resource.phase === "destroying" || resource.phase === "gone") return;
  removeFromUse(state, resource);
  resource.phase = "destroying";
  callDestroy(state, resource.value, reason, () => {
    resource.markGone();
    state.counters.destructionEnded(reason);
    state.resources.delete(resource);
    state.engine.settle(state);
  });
}

/** Destroys a product that came too late to have a slot. */
export function destroyLate<R>(state: KeyState<R>, value: R, reason: DestroyReason): void {
  const { engine } = state;
  engine.lateProductCame();
  callDestroy(state, value, reason, () => {
    engine.lateProductGone(reason);
  });
}

/** Takes a resource out of all lists and figures of those that live. */
function removeFromUse<R>(state: KeyState<R>, resource: Resource<R>): void {
  const { counters, idleList } = state;
  if (resource.phase === "idle") state.takeFromIdle(resource);
  resource.examination?.abandon();
  if (resource.phase === "leased") {
    idleList.share(resource, false);
    counters.leasesLost(resource.leases);
    resource.leases = 0;
    for (const watch of resource.leakWatches ?? []) watch.cancel();
  }
  const from = resource.phase === "new" ? "creating" : resource.phase === "idle" ? "idle" : "leased";
  counters.destructionBegan(from, resource.retireReason === undefined);
}

/**
 * Calls the user's `destroy` once the state is final, and `done` exactly once: when `destroy` has settled, or when
 * `destroyTimeoutMs` is over. An error of `destroy` is an event and reaches nobody else.
 */
function callDestroy<R>(state: KeyState<R>, value: R, reason: DestroyReason, done: () => void): void {
  const { key, limits } = state;
  const { options, events } = state.engine;
  const context: DestroyContext = { key, reason };
  let open = true;
  const finish = (failure?: { readonly error: unknown }) => {
    if (!open) return;
    open = false;
    timer?.clear();
    if (failure) events?.emit({ type: "destroyFailed", key, reason, error: failure.error });
    events?.emit({ type: "destroyed", key, reason });
    done();
  };
  let timer: Timer | undefined;
  runInOwnContext(() => {
    let pending: unknown;
    try {
      pending = options.destroy?.(value, context);
    } catch (error) {
      return finish({ error });
    }
    if (pending === undefined) return finish();
    timer = new Timer(limits.destroyTimeoutMs, false, () =>
      finish({ error: new Error(`Pool: destroy took longer than ${limits.destroyTimeoutMs} ms`) }),
    );
    Promise.resolve(pending).then(
      () => finish(),
      (error: unknown) => finish({ error }),
    );
  });
}
