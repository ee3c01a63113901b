import { Uncheckable } from "./budget.js";
import type { Dialect } from "./dialect.js";
import type { SchemaNode } from "./node.js";
import type { Resource } from "./resources.js";

/** What a keyword needs of whoever makes the checks. */
export interface Compiler {
  readonly dialect: Dialect;
  /** The checks of a schema that stands inside another. */
  node(schema: unknown, around: Resource): SchemaNode;
  /** Calls `use` with the node that a reference leads to, once all addresses are known. */
  refer(reference: string, from: Resource, use: (found: Referred) => void): void;
}

/** Where a reference leads, and the name of that place where the name is a dynamic anchor. */
export interface Referred {
  readonly node: SchemaNode;
  readonly dynamicAnchor: string | undefined;
}

/** What the checks of a keyword are made from. */
export interface KeywordContext {
  readonly schema: object;
  readonly resource: Resource;
  readonly compiler: Compiler;
}

/** A keyword's value; null, as everywhere in what servers send, stands for none. */
export function keyword({ schema }: KeywordContext, name: string): unknown {
  const value: unknown = Object.hasOwn(schema, name) ? Reflect.get(schema, name) : undefined;
  return value === null ? undefined : value;
}

/** For a keyword whose value is not what it must be. */
export function malformed(name: string): Uncheckable {
  return new Uncheckable(`the keyword "${name}" of its output schema has a value that it cannot have`);
}
