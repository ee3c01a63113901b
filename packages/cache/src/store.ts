import type { Entry } from "./entry.js";

/** Holds entries by key and knows which one its policy gives up first. It never removes one by itself. */
export interface Store<V> {
  readonly size: number;
  /** Looks an entry up and takes that as a use of it. */
  use(key: string): Entry<V> | undefined;
  /** Looks an entry up without a trace. */
  peek(key: string): Entry<V> | undefined;
  /** Takes in an entry whose key is not held. */
  add(entry: Entry<V>): void;
  delete(entry: Entry<V>): void;
  /** The entry that the policy gives up first. */
  victim(): Entry<V> | undefined;
  clear(): void;
  entries(): Iterable<Entry<V>>;
}
