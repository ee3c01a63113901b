import type { Labels } from "./registry.js";

/**
 * A set of labels that exists once: `with` returns the same object each time, so that sets are compared by identity,
 * and a registry can keep the text it has made of one from scrape to scrape. Labels are always added in the same
 * order; the same labels in another order would be another set.
 */
export class LabelSet {
  readonly labels: Labels;
  readonly #parent: LabelSet | undefined;
  readonly #depth: number;
  readonly #counter: { count: number };
  readonly #children = new Map<string, Map<string, LabelSet>>();

  private constructor(labels: Labels, parent: LabelSet | undefined, counter: { count: number }) {
    this.labels = labels;
    this.#parent = parent;
    this.#depth = parent === undefined ? 0 : parent.#depth + 1;
    this.#counter = counter;
    counter.count += 1;
  }

  /** The empty set, with which a tree of sets begins. */
  static empty(): LabelSet {
    return new LabelSet({}, undefined, { count: 0 });
  }

  /** This set with one label more. */
  with(name: string, value: string): LabelSet {
    let values = this.#children.get(name);
    if (values === undefined) {
      values = new Map();
      this.#children.set(name, values);
    }
    let child = values.get(value);
    if (child === undefined) {
      child = new LabelSet({ ...this.labels, [name]: value }, this, this.#counter);
      values.set(value, child);
    }
    return child;
  }

  /** The set of the first `count` labels of this one. */
  first(count: number): LabelSet {
    let set: LabelSet = this;
    while (set.#depth > count && set.#parent !== undefined) set = set.#parent;
    return set;
  }

  /** This set without the label that was added last. */
  withoutLast(): LabelSet {
    return this.#parent ?? this;
  }

  /** How many sets the whole tree has. */
  get treeSize(): number {
    return this.#counter.count;
  }
}
