import { PoolClosedError } from "../errors.js";
import type { Engine } from "../model/engine.js";
import type { KeyState } from "../model/key-state.js";
import type { DestroyReason } from "../stats.js";
import { holdingProcess, Timer } from "../support/timer.js";
import { retire, takeByForce } from "./destroy.js";

/** What is to go, and how. */
interface Member {
  readonly gone: Promise<void>;
  force(cause: unknown): void;
}

/** The end of what some keys hold, or of the whole pool: gently at first, after a grace by force. */
export class Shutdown<R> {
  /** Resolves when all of it is gone. Holds the process alive until then. */
  readonly done: Promise<void>;
  readonly #members: readonly Member[];
  readonly #reason: DestroyReason;
  readonly #engine: Engine<R, KeyState<R>>;
  #forceAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #over = false;

  private constructor(engine: Engine<R, KeyState<R>>, states: readonly KeyState<R>[], reason: DestroyReason) {
    this.#engine = engine;
    this.#reason = reason;
    this.#members = states.flatMap((state) => retireAll(state, reason));
    const gone = this.#allGone();
    for (const state of states) engine.settle(state);
    this.done = holdingProcess(gone);
  }

  /** Ends the generation of these keys; those who wait there are served anew. */
  static ofKeys<R>(engine: Engine<R, KeyState<R>>, states: readonly KeyState<R>[]): Shutdown<R> {
    return new Shutdown(engine, states, "cleared");
  }

  /** Ends the pool, which is closed, with all its keys. */
  static ofPool<R>(engine: Engine<R, KeyState<R>>, states: readonly KeyState<R>[]): Shutdown<R> {
    for (const state of states) rejectAll(state);
    return new Shutdown(engine, states, "closed");
  }

  /** Uses force after `graceMs`; a shorter grace given before stands. */
  forceAfter(graceMs: number): void {
    const at = performance.now() + graceMs;
    if (this.#over || at >= this.#forceAt) return;
    this.#forceAt = at;
    this.#timer?.clear();
    if (graceMs === 0) this.#force();
    else this.#timer = new Timer(graceMs, false, () => this.#force());
  }

  async #allGone(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.gone));
    // Products that come after their time have no slot, but the pool must not be called closed before they are gone.
    if (this.#reason === "closed") await this.#engine.whenEmpty();
    this.#over = true;
    this.#timer?.clear();
  }

  #force(): void {
    const cause =
      this.#reason === "closed" ? new PoolClosedError() : new Error("Pool: the key was cleared and its grace is over");
    for (const member of this.#members) member.force(cause);
    this.#engine.settleAll();
  }
}

/** Ends a generation: everything of a key goes as soon as it can. */
function retireAll<R>(state: KeyState<R>, reason: DestroyReason): Member[] {
  const { creations, resources } = state;
  state.inUse = false;
  const members: Member[] = [];
  for (const resource of [...resources]) {
    retire(state, resource, reason);
    members.push({ gone: resource.gone(), force: (cause) => takeByForce(state, resource, reason, cause) });
  }
  for (const creation of creations) {
    creation.retire(reason);
    members.push({ gone: creation.gone(), force: () => creation.force() });
  }
  return members;
}

function rejectAll<R>(state: KeyState<R>): void {
  const now = state.engine.clock.now().at;
  for (let waiter = state.queue.first; waiter !== undefined; waiter = state.queue.first) {
    state.leave(waiter, now);
    state.counters.add("rejected", 1);
    waiter.reject(new PoolClosedError());
  }
}
