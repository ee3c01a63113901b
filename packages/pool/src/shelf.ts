import { Heap } from "./heap.js";
import type { Resource } from "./resource.js";

/**
 * The resources of one key that can take a lease: those that rest, and shared ones with a place left.
 *
 * Resting ones are a stack: the last one given back is lent first, so that what is not needed rests long enough to go.
 * Invariant: a resource is in the stack exactly while it is idle, and in the heap only while it is leased.
 */
export class Shelf<R> {
  #top: Resource<R> | undefined;
  #bottom: Resource<R> | undefined;
  readonly #shared = new Heap<Resource<R>>(
    (a, b) => a.leases < b.leases,
    (resource, index) => {
      resource.sharedIndex = index;
    },
  );

  /** The one with the fewest leases. */
  get leastLoaded(): Resource<R> | undefined {
    return this.#top ?? this.#shared.peek();
  }

  get topIdle(): Resource<R> | undefined {
    return this.#top;
  }

  get longestIdle(): Resource<R> | undefined {
    return this.#bottom;
  }

  /** All that rest, the one last given back first. What it is at may be taken out meanwhile. */
  *idle(): Generator<Resource<R>, void> {
    for (let resource = this.#top; resource !== undefined; ) {
      const next = resource.below;
      yield resource;
      resource = next;
    }
  }

  rest(resource: Resource<R>): void {
    resource.below = this.#top;
    if (this.#top === undefined) this.#bottom = resource;
    else this.#top.above = resource;
    this.#top = resource;
  }

  takeIdle(resource: Resource<R>): void {
    const { above, below } = resource;
    if (above === undefined) this.#top = below;
    else above.below = below;
    if (below === undefined) this.#bottom = above;
    else below.above = above;
    resource.above = undefined;
    resource.below = undefined;
  }

  /** Keeps a leased resource where its number of leases puts it, or takes it out. */
  share(resource: Resource<R>, hasPlace: boolean): void {
    const index = resource.sharedIndex;
    if (!hasPlace) this.#shared.remove(index);
    else if (index < 0) this.#shared.push(resource);
    else this.#shared.move(index);
  }
}
