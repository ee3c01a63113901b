/**
 * A binary heap that can also remove or move any item in O(log n).
 *
 * It tells each item where it stands through `place` (-1: not in this heap); the item keeps that number and hands it
 * back, so one item can stand in several heaps without a map.
 */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #before: (a: T, b: T) => boolean;
  readonly #place: (item: T, index: number) => void;

  constructor(before: (a: T, b: T) => boolean, place: (item: T, index: number) => void) {
    this.#before = before;
    this.#place = place;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** Removes the item that stands at `index`; nothing where it stands nowhere. */
  remove(index: number): void {
    // An index below 0 would be looked up as a name, which is slow.
    const item = index < 0 ? undefined : this.#items[index];
    if (item === undefined) return;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) this.#settle(last, index);
    this.#place(item, -1);
  }

  /** Puts the item at `index` where it belongs after its rank changed. */
  move(index: number): void {
    const item = this.#items[index];
    if (item !== undefined && this.#items.length > 1) this.#settle(item, index);
  }

  #settle(item: T, index: number): void {
    const parent = this.#items[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && this.#before(item, parent)) this.#rise(item, index);
    else this.#sink(item, index);
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = this.#items[up];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#put(parent, index);
      index = up;
    }
    this.#put(item, index);
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      let down = 2 * index + 1;
      let child = this.#items[down];
      if (child === undefined) break;
      const other = this.#items[down + 1];
      if (other !== undefined && this.#before(other, child)) {
        child = other;
        down += 1;
      }
      if (!this.#before(child, item)) break;
      this.#put(child, index);
      index = down;
    }
    this.#put(item, index);
  }

  #put(item: T, index: number): void {
    this.#items[index] = item;
    this.#place(item, index);
  }
}
