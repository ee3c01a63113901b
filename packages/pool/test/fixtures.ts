import type { DestroyReason, Pool } from "../src/index.js";

/** A promise that the test settles. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/** Lets all that is due in microtasks happen. */
export async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

export type Outcome<T> = { readonly value: T } | { readonly error: unknown } | "pending";

/** Follows a promise: the function says how it stands, once all microtasks are through. */
export function follow<T>(promise: Promise<T>): () => Promise<Outcome<T>> {
  let state: Outcome<T> = "pending";
  promise.then(
    (value) => {
      state = { value };
    },
    (error: unknown) => {
      state = { error };
    },
  );
  return async () => {
    await microtasks();
    return state;
  };
}

/** How a promise stands, once all microtasks are through. */
export function outcome<T>(promise: Promise<T>): Promise<Outcome<T>> {
  return follow(promise)();
}

export interface Thing {
  readonly key: string;
  readonly id: number;
}

/** Makes numbered things at once and keeps account of them. */
export class Factory {
  readonly made: Thing[] = [];
  readonly died: ((cause?: unknown) => void)[] = [];
  readonly destroyed: { readonly thing: Thing; readonly reason: DestroyReason }[] = [];

  readonly create = async (key: string, { died }: { died: (cause?: unknown) => void }): Promise<Thing> => {
    const thing = { key, id: this.made.length };
    this.made.push(thing);
    this.died.push(died);
    return thing;
  };

  readonly destroy = (thing: Thing, { reason }: { reason: DestroyReason }): void => {
    this.destroyed.push({ thing, reason });
  };

  /** What was destroyed as `id: reason`, in order, once all microtasks are through. */
  async ends(): Promise<string[]> {
    await microtasks();
    return this.destroyed.map(({ thing, reason }) => `${thing.id}: ${reason}`);
  }
}

/** The resources of a pool or key by phase. */
export function phases<R>(pool: Pool<R>, key?: string): Record<string, number> {
  const { idle, leased, creating, destroying, waiting } = pool.stats(key);
  return { idle, leased, creating, destroying, waiting };
}
