/**
 * A binary heap whose members know their place, so that any of them can be moved or taken out in O(log n).
 *
 * A member must be in at most one heap. After changing what `before` compares, call `update`.
 */
export class IndexedHeap<T extends { slot: number }> {
  readonly #members: T[] = [];
  readonly #before: (one: T, other: T) => boolean;

  constructor(before: (one: T, other: T) => boolean) {
    this.#before = before;
  }

  get first(): T | undefined {
    return this.#members[0];
  }

  add(member: T): void {
    this.#members.push(member);
    this.#rise(member, this.#members.length - 1);
  }

  remove(member: T): void {
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    last.slot = member.slot;
    this.update(last);
  }

  update(member: T): void {
    this.#rise(member, member.slot);
    this.#sink(member, member.slot);
  }

  clear(): void {
    this.#members.length = 0;
  }

  /** Restores the order after the rank of every member may have changed, in O(n). */
  rebuild(): void {
    const parents = this.#members.slice(0, this.#members.length >> 1);
    for (const member of parents.reverse()) this.#sink(member, member.slot);
  }

  #rise(member: T, from: number): void {
    let slot = from;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = this.#members[above];
      if (parent === undefined || !this.#before(member, parent)) break;
      this.#place(parent, slot);
      slot = above;
    }
    this.#place(member, slot);
  }

  #sink(member: T, from: number): void {
    let slot = from;
    for (;;) {
      const left = this.#members[2 * slot + 1];
      if (left === undefined) break;
      const right = this.#members[2 * slot + 2];
      const child = right !== undefined && this.#before(right, left) ? right : left;
      if (!this.#before(child, member)) break;
      const below = child.slot;
      this.#place(child, slot);
      slot = below;
    }
    this.#place(member, slot);
  }

  #place(member: T, slot: number): void {
    this.#members[slot] = member;
    member.slot = slot;
  }
}
