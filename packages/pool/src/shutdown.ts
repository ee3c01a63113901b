import type { Core } from "./core.js";
import type { Creation } from "./creation.js";
import { PoolClosedError } from "./errors.js";
import type { Lane } from "./lane.js";
import type { Resource } from "./resource.js";
import type { DestroyReason } from "./stats.js";
import { holdingProcess, Timer } from "./timer.js";

/** The end of what some keys hold, or of the whole pool: gently at first, after a grace by force. */
export class Shutdown<R> {
  /** Resolves when all of it is gone. Holds the process alive until then. */
  readonly done: Promise<void>;
  readonly #members: readonly (Resource<R> | Creation<R>)[];
  readonly #reason: DestroyReason;
  readonly #core: Core<R>;
  #forceAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #over = false;

  private constructor(core: Core<R>, lanes: readonly Lane<R>[], reason: DestroyReason) {
    this.#core = core;
    this.#reason = reason;
    this.#members = lanes.flatMap((lane) => lane.retire(reason));
    const gone = this.#allGone();
    for (const lane of lanes) core.settle(lane);
    core.effects.flush();
    this.done = holdingProcess(gone);
  }

  /** Ends the generation of these keys; those who wait there are served anew. */
  static ofKeys<R>(core: Core<R>, lanes: readonly Lane<R>[]): Shutdown<R> {
    return new Shutdown(core, lanes, "cleared");
  }

  /** Closes the pool. */
  static ofPool<R>(core: Core<R>): Shutdown<R> {
    core.closed = true;
    const lanes = [...core.lanes.values()];
    for (const lane of lanes) refuseAll(lane);
    return new Shutdown(core, lanes, "closed");
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
    const core = this.#core;
    await Promise.all(this.#members.map((member) => member.gone()));
    // Products that come after their time have no slot, but the pool must not be called closed before they are gone.
    if (this.#reason === "closed" && !core.isEmpty) await new Promise<void>((resolve) => core.whenEmpty.push(resolve));
    this.#over = true;
    this.#timer?.clear();
  }

  #force(): void {
    const cause =
      this.#reason === "closed" ? new PoolClosedError() : new Error("Pool: the key was cleared and its grace is over");
    for (const member of this.#members) member.force(this.#reason, cause);
    for (const lane of this.#core.lanes.values()) this.#core.settle(lane);
    this.#core.effects.flush();
  }
}

function refuseAll<R>(lane: Lane<R>): void {
  const now = lane.core.clock.read();
  for (let waiter = lane.line.first; waiter !== undefined; waiter = lane.line.first) {
    lane.leave(waiter, now);
    lane.tally.add("rejected", 1);
    waiter.refuse(new PoolClosedError());
  }
}
