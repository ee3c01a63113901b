import type { Core } from "./core.js";
import type { Limits } from "./limits.js";
import type { DestroyContext } from "./options.js";
import { Timer } from "./timer.js";

/**
 * Calls the user's `destroy` once the state is final, and `done` exactly once: when it has settled, or when
 * `destroyTimeoutMs` is over. What goes wrong is an event and reaches nobody else.
 */
export function destroyValue<R>(
  core: Core<R>,
  limits: Limits,
  value: R,
  context: DestroyContext,
  done: () => void,
): void {
  const { options, effects, events } = core;
  const { key, reason } = context;
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
  effects.defer(() => {
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
