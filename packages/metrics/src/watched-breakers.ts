import { BreakerTotals } from "./breaker-totals.js";
import { labelValue } from "./label-value.js";
import type { BreakerSource } from "./sources.js";

/** Names of breakers that become a label; further ones count as `other`. */
const maxNames = 100;

/** The breakers that have one label in common. */
export interface BreakerGroup {
  readonly label: string;
  readonly sources: Set<BreakerSource>;
  readonly totals: BreakerTotals;
}

/** The watched breakers by label. A breaker keeps its label, so that no count moves from one series to another. */
export class WatchedBreakers {
  readonly #groups = new Map<string, BreakerGroup>();
  readonly #groupOf = new Map<BreakerSource, BreakerGroup>();

  add(source: BreakerSource): void {
    if (this.#groupOf.has(source)) return;
    const group = this.#group(labelValue(source.name));
    group.sources.add(source);
    this.#groupOf.set(source, group);
  }

  /** Ends the watch of a breaker; `last` reads it once more for the breakers whose label it shared. */
  remove(source: object, last: (group: BreakerGroup, source: BreakerSource) => void): void {
    for (const [watched, group] of this.#groupOf) if (watched === source) this.#remove(watched, group, last);
  }

  #remove(
    source: BreakerSource,
    group: BreakerGroup,
    last: (group: BreakerGroup, source: BreakerSource) => void,
  ): void {
    if (group.sources.size > 1) last(group, source);
    this.#groupOf.delete(source);
    group.sources.delete(source);
    group.totals.remove(source);
    if (group.sources.size === 0) this.#groups.delete(group.label);
  }

  groups(): Iterable<BreakerGroup> {
    return this.#groups.values();
  }

  /** All breakers, in the order in which they were added. */
  sources(): Iterable<BreakerSource> {
    return this.#groupOf.keys();
  }

  #group(name: string): BreakerGroup {
    const isFull = this.#groups.size >= (this.#groups.has("other") ? maxNames + 1 : maxNames);
    const label = isFull && !this.#groups.has(name) ? "other" : name;
    let group = this.#groups.get(label);
    if (group === undefined) {
      group = { label, sources: new Set(), totals: new BreakerTotals() };
      this.#groups.set(label, group);
    }
    return group;
  }
}
