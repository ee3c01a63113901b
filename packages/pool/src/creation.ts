import { PoolClosedError, PoolCreateError } from "./errors.js";
import type { Lane } from "./lane.js";
import { Resource } from "./resource.js";
import type { DestroyReason } from "./stats.js";
import { Timer } from "./timer.js";
import type { Waiter } from "./waiter.js";

interface Failure {
  readonly error: unknown;
}

/**
 * One resource in the making, from the reservation of its slot to its arrival or failure.
 *
 * It is started for a waiter (or for nobody: the minimum, `warm`) but does not belong to it: what comes of it goes to
 * whoever is first then. Invariant: it ends once, by arriving, failing or running out of time; its slot with it.
 */
export class Creation<R> {
  readonly #lane: Lane<R>;
  readonly #waiter: Waiter<R> | undefined;
  readonly #controller = new AbortController();
  readonly #since: number;
  #open = true;
  #timer: Timer | undefined;
  /** Its generation was ended: those who wait do not count on it any more. */
  #retired: DestroyReason | undefined;
  #resource: Resource<R> | undefined;
  #death: { readonly cause: unknown } | undefined;
  readonly #whenOver: ((failure?: Failure) => void)[] = [];
  readonly #whenGone: (() => void)[] = [];

  constructor(lane: Lane<R>, waiter: Waiter<R> | undefined) {
    this.#lane = lane;
    this.#waiter = waiter;
    this.#since = lane.core.clock.read();
  }

  begin(): void {
    const { core, limits, members, tally } = this.#lane;
    tally.creationBegan();
    members.add(this);
    this.#lane.arrivals += 1;
    if (limits.createTimeoutMs !== Number.POSITIVE_INFINITY)
      this.#timer = new Timer(limits.createTimeoutMs, false, () =>
        this.#giveUp(`it took longer than ${limits.createTimeoutMs} ms; raise createTimeoutMs if that is not enough`),
      );
    core.ownContext.run(() => this.#call());
  }

  /** Its generation was ended, so nothing is to be expected of it. */
  get retired(): boolean {
    return this.#retired !== undefined;
  }

  /** Resolves when a resource came of it, rejects with what it failed with. */
  over(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#whenOver.push((failure) => (failure === undefined ? resolve() : reject(failure.error)));
    });
  }

  /** Resolves when it and what came of it are gone. */
  gone(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenGone.push(resolve);
    });
  }

  retire(reason: DestroyReason): void {
    if (this.#retired !== undefined) return;
    this.#retired = reason;
    this.#lane.arrivals -= 1;
    const { core, key } = this.#lane;
    const error = core.closed ? new PoolClosedError() : new PoolCreateError(key, "the key was cleared meanwhile");
    core.effects.defer(() => this.#controller.abort(error));
    this.#tell({ error });
  }

  /** Its own time limit ends it; where it has none, this does. */
  force(): void {
    if (this.#timer === undefined) this.#giveUp("it was cleared or closed by force");
  }

  #call(): void {
    // Retired before it began: it need not begin.
    if (!this.#open || this.#retired !== undefined) {
      this.#failed(undefined);
      return;
    }
    const { core, key } = this.#lane;
    const context = { signal: this.#controller.signal, died: (cause?: unknown) => this.#died(cause) };
    // In a promise, so that a throw is a rejection.
    new Promise<R>((resolve) => resolve(core.options.create(key, context))).then(
      (value) => this.#arrived(value),
      (error: unknown) => this.#failed(error),
    );
  }

  #died(cause: unknown): void {
    if (this.#resource === undefined) this.#death ??= { cause };
    else this.#resource.died(cause);
  }

  #arrived(value: R): void {
    const lane = this.#lane;
    if (!this.#open) {
      lane.core.destroyLate(lane, value, this.#retired ?? "discarded");
      return;
    }
    this.#close();
    const now = lane.core.clock.look();
    const createMs = now.at - this.#since;
    const resource = new Resource(lane, value, now);
    this.#resource = resource;
    lane.tally.add("created", 1);
    lane.tally.add("createMs", createMs);
    lane.core.events?.emit({ type: "created", key: lane.key, createMs });
    for (const tell of this.#whenGone) resource.whenGone(tell);
    const death = this.#retired === undefined ? this.#death : undefined;
    const reason = this.#retired ?? (death ? "died" : lane.exceeded ? "resized" : undefined);
    if (reason === undefined) resource.rest(now, true);
    else resource.destroy(reason);
    if (death) this.#report(new PoolCreateError(lane.key, "it died before it was ready", death.cause));
    else this.#succeeded();
    resource.vouched = true;
    lane.core.settle(lane);
    resource.vouched = false;
    lane.core.effects.flush();
  }

  #succeeded(): void {
    if (this.#retired !== undefined) return;
    this.#lane.lastCreateError = undefined;
    this.#lane.retry.succeeded();
    this.#tell();
  }

  #failed(error: unknown): void {
    // What fails after its time has failed already.
    if (!this.#open) return;
    this.#close();
    const lane = this.#lane;
    lane.tally.creationFailed();
    if (this.#retired === undefined) this.#report(error);
    for (const resolve of this.#whenGone) resolve();
    lane.core.settle(lane);
    lane.core.effects.flush();
  }

  #giveUp(why: string): void {
    const error = new PoolCreateError(this.#lane.key, why);
    this.#lane.core.effects.defer(() => this.#controller.abort(error));
    this.#failed(error);
  }

  #close(): void {
    this.#open = false;
    this.#timer?.clear();
    this.#lane.members.delete(this);
    if (this.#retired === undefined) this.#lane.arrivals -= 1;
  }

  /** A failure reaches the one it was for; for the others the pool tries again after a rest. */
  #report(error: unknown): void {
    const lane = this.#lane;
    const now = lane.core.clock.read();
    lane.lastCreateError = error;
    lane.tally.add("createFailures", 1);
    lane.core.events?.emit({ type: "createFailed", key: lane.key, error, createMs: now - this.#since });
    if (this.#waiter !== undefined && lane.leave(this.#waiter, now)) this.#waiter.refuse(error);
    if (lane.needsMore) lane.retry.rest();
    this.#tell({ error });
  }

  #tell(failure?: Failure): void {
    for (const told of this.#whenOver.splice(0)) told(failure);
  }
}
