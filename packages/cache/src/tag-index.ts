/** Something that belongs to groups. */
interface Tagged {
  readonly tags: readonly string[];
}

/** Finds the members of a tag at once. A tag without members leaves no record. */
export class TagIndex<M extends Tagged> {
  readonly #members = new Map<string, Set<M>>();

  add(member: M): void {
    for (const tag of member.tags) {
      const members = this.#members.get(tag);
      if (members === undefined) this.#members.set(tag, new Set([member]));
      else members.add(member);
    }
  }

  /** Must be called before the tags of the member change. */
  remove(member: M): void {
    for (const tag of member.tags) {
      const members = this.#members.get(tag);
      members?.delete(member);
      if (members?.size === 0) this.#members.delete(tag);
    }
  }

  of(tag: string): readonly M[] {
    return [...(this.#members.get(tag) ?? [])];
  }

  clear(): void {
    this.#members.clear();
  }

  /** How many tags have members. */
  get size(): number {
    return this.#members.size;
  }
}
