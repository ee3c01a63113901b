import type { DestroyReason } from "./stats.js";
import { runInOwnContext } from "./support/own-context.js";

/** Something that happened in a pool, told to `onEvent`. */
export type PoolEvent =
  | { readonly type: "created"; readonly key: string; readonly createMs: number }
  | { readonly type: "createFailed"; readonly key: string; readonly error: unknown; readonly createMs: number }
  | { readonly type: "acquired"; readonly key: string; readonly waitMs: number }
  | { readonly type: "released"; readonly key: string; readonly useMs: number }
  | { readonly type: "resetFailed"; readonly key: string; readonly error: unknown }
  | { readonly type: "destroyed"; readonly key: string; readonly reason: DestroyReason }
  | { readonly type: "destroyFailed"; readonly key: string; readonly reason: DestroyReason; readonly error: unknown }
  | { readonly type: "timedOut"; readonly key: string; readonly waitMs: number }
  | { readonly type: "leaked"; readonly key: string; readonly heldMs: number; readonly stack: string }
  | { readonly type: "unleaked"; readonly key: string; readonly heldMs: number };

/** Tells events to a listener after the state is final; what the listener throws or rejects with is dropped. */
export class Events {
  readonly #listener: (event: PoolEvent) => unknown;
  #ended = false;

  constructor(listener: (event: PoolEvent) => unknown) {
    this.#listener = listener;
  }

  emit(event: PoolEvent): void {
    if (this.#ended) return;
    runInOwnContext(() => {
      try {
        // An async listener is not awaited, but its rejection must not end the process.
        Promise.resolve(this.#listener(event)).catch(() => {});
      } catch {
        // An error of the listener changes nothing for anybody.
      }
    });
  }

  /** Nothing that happens from now on is told. */
  end(): void {
    this.#ended = true;
  }
}
