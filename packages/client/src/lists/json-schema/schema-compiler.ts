import { applicators, unevaluated } from "./applicators.js";
import { assertions } from "./assertions.js";
import { Uncheckable } from "./budget.js";
import { type Dialect, dialectOf } from "./dialect.js";
import type { Compiler, KeywordContext, Referred } from "./keyword.js";
import { type Check, Evaluated, type SchemaNode } from "./node.js";
import { referenceCheck } from "./references.js";
import { type Resource, Resources } from "./resources.js";

const maxSchemas = 10_000;
const maxDepth = 300;
/** What makes the checks of a keyword. Some keywords belong together and are made by one. */
const makerOf: ReadonlyMap<string, (context: KeywordContext) => Check[]> = new Map([...assertions, ...applicators]);

/** Makes the checks of one schema and of all schemas in it. */
export class SchemaCompiler implements Compiler {
  readonly dialect: Dialect;
  readonly #root: unknown;
  readonly #resources: Resources;
  readonly #nodes = new Map<object, SchemaNode>();
  /** References are followed when all addresses are known. */
  readonly #pending: (() => void)[] = [];
  #count = 0;
  #depth = 0;

  /** Throws {@link Uncheckable} where the schema names a dialect that is not known. */
  constructor(root: unknown) {
    this.#root = root;
    this.dialect = dialectOf(root);
    this.#resources = new Resources(this.dialect);
  }

  /** Throws {@link Uncheckable} where the schema is none, or too large. */
  compile(): SchemaNode {
    const node = this.node(this.#root, undefined);
    // Following one may lead to further ones.
    for (let at = 0; at < this.#pending.length; at++) this.#pending[at]?.();
    return node;
  }

  /** The checks of a schema that stands inside another. */
  node(schema: unknown, around: Resource | undefined): SchemaNode {
    this.#count += 1;
    if (this.#count > maxSchemas) throw new Uncheckable(`its output schema holds more than ${maxSchemas} schemas`);
    if (typeof schema === "boolean") {
      const check: Check = (_value, run) => schema || run.fail("is not allowed");
      return { resource: around ?? this.#resources.enter({}, undefined), checks: [check] };
    }
    if (typeof schema !== "object" || schema === null || Array.isArray(schema))
      throw new Uncheckable("its output schema holds something else than a schema where one must be");
    const known = this.#nodes.get(schema);
    if (known !== undefined) return known;
    const node: SchemaNode = { resource: this.#resources.enter(schema, around), checks: [] };
    this.#nodes.set(schema, node);
    this.#depth += 1;
    if (this.#depth > maxDepth) throw new Uncheckable("its output schema is nested too deeply");
    this.#fill(node, schema);
    this.#depth -= 1;
    return node;
  }

  /** Calls `use` with the node that a reference leads to, once all addresses are known. */
  refer(reference: string, from: Resource, use: (found: Referred) => void): void {
    this.#pending.push(() => {
      const { schema, resource, dynamicAnchor } = this.#resources.find(reference, from);
      use({ node: this.node(schema, resource), dynamicAnchor });
    });
  }

  #fill({ checks, resource }: SchemaNode, schema: object): void {
    const context = { schema, resource, compiler: this };
    const reference = referenceCheck(context);
    if (reference !== undefined) checks.push(reference);
    // In the old drafts a reference stands alone; what is beside it may hold schemas that others refer to.
    const isAlone = this.dialect <= 7 && Object.hasOwn(schema, "$ref") && reference !== undefined;
    const makers = new Set(Object.keys(schema).map((key) => makerOf.get(key)));
    const made = [...makers].flatMap((make) => make?.(context) ?? []);
    if (isAlone) return;
    checks.push(...made);
    const leftovers = this.dialect >= 2019 ? unevaluated(context) : [];
    if (leftovers.length === 0) return;
    const before = checks.splice(0);
    checks.push((value, run, seen) => {
      const looked = new Evaluated();
      const fits =
        before.every((check) => check(value, run, looked)) && leftovers.every((check) => check(value, run, looked));
      if (fits && seen !== undefined) seen.add(looked, run.budget);
      return fits;
    });
  }
}
