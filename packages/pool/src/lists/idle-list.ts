import type { Resource } from "../model/resource.js";
import { Heap } from "./heap.js";

/**
 * The resources of one key that can take a lease: the idle ones, and shared ones with a place left.
 *
 * Idle resources are a stack: the last one given back is lent first, so that those that are not needed grow old and go.
 * Invariant: a resource is in the stack exactly while it is idle, and in the heap only while it is leased.
 */
export class IdleList<R> {
  #newest: Resource<R> | undefined;
  #oldest: Resource<R> | undefined;
  readonly #shared = new Heap<Resource<R>>(
    (a, b) => a.leases < b.leases,
    (resource, index) => {
      resource.sharedIndex = index;
    },
  );

  /** The resource with the fewest leases. */
  get leastLoaded(): Resource<R> | undefined {
    return this.#newest ?? this.#shared.peek();
  }

  /** The idle resource that was given back last. */
  get newest(): Resource<R> | undefined {
    return this.#newest;
  }

  /** The idle resource that was given back first. */
  get oldest(): Resource<R> | undefined {
    return this.#oldest;
  }

  /** All idle resources, the newest first. The resource that was just yielded may be removed before the next one is asked for. */
  *idle(): Generator<Resource<R>, void> {
    for (let resource = this.#newest; resource !== undefined; ) {
      const next = resource.older;
      yield resource;
      resource = next;
    }
  }

  add(resource: Resource<R>): void {
    resource.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = resource;
    else this.#newest.newer = resource;
    this.#newest = resource;
  }

  remove(resource: Resource<R>): void {
    const { newer, older } = resource;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    resource.newer = undefined;
    resource.older = undefined;
  }

  /** Puts a leased resource where its number of leases belongs, or takes it out where it has no place left. */
  share(resource: Resource<R>, hasPlace: boolean): void {
    const index = resource.sharedIndex;
    if (!hasPlace) this.#shared.remove(index);
    else if (index < 0) this.#shared.push(resource);
    else this.#shared.move(index);
  }
}
