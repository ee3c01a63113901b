import type { Budget } from "./budget.js";

/** Whether two JSON values are equal, whatever the order of their members. Costs a step for each value looked at. */
export function isEqual(a: unknown, b: unknown, budget: Budget): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  budget.enter();
  const result = Array.isArray(a) || Array.isArray(b) ? haveEqualItems(a, b, budget) : haveEqualMembers(a, b, budget);
  budget.leave();
  return result;
}

function haveEqualItems(a: object, b: object, budget: Budget): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  const other: readonly unknown[] = b;
  return a.every((item: unknown, index) => {
    budget.spend(1);
    return isEqual(item, other[index], budget);
  });
}

function haveEqualMembers(a: object, b: object, budget: Budget): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => {
    budget.spend(1);
    return Object.hasOwn(b, key) && isEqual(Reflect.get(a, key), Reflect.get(b, key), budget);
  });
}

/** Whether no two items are equal, in time linear in their size: items are compared only where their hashes agree. */
export function areUnique(items: readonly unknown[], budget: Budget): boolean {
  const primitives = new Set<unknown>();
  const objects = new Map<number, object[]>();
  for (const item of items) {
    budget.spend(5);
    if (typeof item !== "object" || item === null) {
      if (primitives.has(item)) return false;
      primitives.add(item);
      continue;
    }
    const hash = hashOf(item, budget);
    const alike = objects.get(hash);
    if (alike === undefined) objects.set(hash, [item]);
    else if (alike.some((one) => isEqual(one, item, budget))) return false;
    else alike.push(item);
  }
  return true;
}

/** Equal values have equal hashes. Members are added up, since their order does not count. */
function hashOf(value: unknown, budget: Budget): number {
  budget.enter();
  budget.spend(5);
  let hash: number;
  if (typeof value === "string") hash = hashText(value, budget);
  else if (typeof value !== "object" || value === null) hash = hashText(String(value), budget) ^ 0x55;
  else if (Array.isArray(value)) hash = value.reduce((sum: number, item) => mix(sum, hashOf(item, budget)), 17);
  else
    hash = Object.entries(value).reduce(
      (sum, [key, member]) => (sum + mix(hashText(key, budget), hashOf(member, budget))) | 0,
      31,
    );
  budget.leave();
  return hash;
}

function hashText(text: string, budget: Budget): number {
  budget.spend(text.length >> 4);
  let hash = text.length;
  for (let at = 0; at < text.length; at++) hash = mix(hash, text.charCodeAt(at));
  return hash;
}

function mix(hash: number, more: number): number {
  return (Math.imul(hash ^ more, 0x01000193) + 0x9e3779b9) | 0;
}
