import { Budget } from "./budget.js";
import type { Resource } from "./resources.js";

/** What it costs to add to a set. */
const stepsToNote = 10;

/** Which members and items of a value some schema has looked at, for `unevaluatedProperties` and `unevaluatedItems`. */
export class Evaluated {
  readonly keys: Set<string> = new Set();
  readonly indexes: Set<number> = new Set();
  hasAllKeys = false;
  /** All items before this one. */
  items = 0;

  /** Notes a member. */
  addKey(key: string, budget: Budget): void {
    budget.spend(stepsToNote);
    this.keys.add(key);
  }

  /** Adds what another has. */
  add(other: Evaluated, budget: Budget): void {
    budget.spend(stepsToNote * (other.keys.size + other.indexes.size));
    for (const key of other.keys) this.keys.add(key);
    for (const index of other.indexes) this.indexes.add(index);
    this.hasAllKeys ||= other.hasAllKeys;
    this.items = Math.max(this.items, other.items);
  }
}

/** One look at one value: what it may cost, where it is and what was found. */
export class Run {
  readonly budget: Budget = new Budget();
  /** The resources that were entered on the way, for dynamic references. */
  readonly scope: Resource[] = [];
  /** What does not fit, as the end of a sentence. */
  problem = "";
  /** Where, from the inside out. */
  path: string[] = [];

  /** For a check that fails. */
  fail(problem: string): false {
    this.problem = problem;
    this.path = [];
    return false;
  }
}

/** Checks one thing of a value. `seen`, where it is given, is told which members and items were looked at. */
export type Check = (value: unknown, run: Run, seen: Evaluated | undefined) => boolean;

/** A schema, ready to be checked against. */
export interface SchemaNode {
  readonly resource: Resource;
  readonly checks: Check[];
}

/** Checks a value against a schema. */
export function evaluate(node: SchemaNode, value: unknown, run: Run, seen: Evaluated | undefined): boolean {
  const { budget, scope } = run;
  budget.enter();
  const isEntered = scope.at(-1) !== node.resource;
  if (isEntered) scope.push(node.resource);
  let fits = true;
  for (const check of node.checks) {
    if (!check(value, run, seen)) {
      fits = false;
      break;
    }
  }
  if (isEntered) scope.pop();
  budget.leave();
  return fits;
}

/** Checks a member or an item of a value; where it does not fit, the path says at which. */
export function evaluateAt(key: string | number, node: SchemaNode, value: unknown, run: Run): boolean {
  if (evaluate(node, value, run, undefined)) return true;
  run.path.push(String(key));
  return false;
}
