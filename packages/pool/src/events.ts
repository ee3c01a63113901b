import type { DestroyReason } from "./stats.js";
import type { Effects } from "./support/effects.js";

/** Something that happened in a pool, told to `onEvent`. */
export type PoolEvent =
  | { readonly type: "created"; readonly key: string; readonly createMs: number }
  | { readonly type: "createFailed"; readonly key: string; readonly error: unknown; readonly createMs: number }
  | { readonly type: "acquired"; readonly key: string; readonly waitMs: number }
  | { readonly type: "released"; readonly key: string; readonly useMs: number }
  | { readonly type: "destroyed"; readonly key: string; readonly reason: DestroyReason }
  | { readonly type: "destroyFailed"; readonly key: string; readonly reason: DestroyReason; readonly error: unknown }
  | { readonly type: "timedOut"; readonly key: string; readonly waitMs: number }
  | { readonly type: "leaked"; readonly key: string; readonly heldMs: number; readonly stack: string }
  | { readonly type: "unleaked"; readonly key: string; readonly heldMs: number };

/** Tells events to a listener after the state is final; what the listener throws or rejects with is dropped. */
export class Events {
  readonly #effects: Effects;
  readonly #listener: (event: PoolEvent) => unknown;

  constructor(effects: Effects, listener: (event: PoolEvent) => unknown) {
    this.#effects = effects;
    this.#listener = listener;
  }

  emit(event: PoolEvent): void {
    this.#effects.defer(() => {
      try {
        // An async listener is not awaited, but its rejection must not end the process.
        Promise.resolve(this.#listener(event)).catch(() => {});
      } catch {
        // The listener's own affair.
      }
    });
  }
}
