import { isObject } from "../../untrusted.js";
import { countOf, grouped, namesOf, requires } from "./assertions.js";
import { type KeywordContext, keyword, malformed } from "./keyword.js";
import { type Check, Evaluated, evaluate, evaluateAt, type SchemaNode } from "./node.js";
import { Pattern } from "./pattern.js";

/** What makes the checks of the keywords that apply other schemas. */
export const applicators: readonly (readonly [keyword: string, make: (context: KeywordContext) => Check[]])[] = [
  ...grouped(definitions, ["$defs", "definitions"]),
  ...grouped(members, ["properties", "patternProperties", "additionalProperties", "propertyNames"]),
  ...grouped(items, ["prefixItems", "items", "additionalItems"]),
  ["contains", containing],
  ...grouped(branches, ["allOf", "anyOf", "oneOf", "not"]),
  ...grouped(conditions, ["if", "then", "else"]),
  ...grouped(dependencies, ["dependencies", "dependentRequired", "dependentSchemas"]),
];

/** The checks of what no other keyword has looked at, which come last. */
export function unevaluated(context: KeywordContext): Check[] {
  return [...leftoverMembers(context), ...leftoverItems(context)];
}

/** Only for their addresses: others refer to them. */
function definitions(context: KeywordContext): Check[] {
  for (const name of ["$defs", "definitions"]) schemasIn(context, name);
  return [];
}

function schemaAt(context: KeywordContext, name: string): SchemaNode | undefined {
  const value = keyword(context, name);
  return value === undefined ? undefined : context.compiler.node(value, context.resource);
}

function schemasIn(context: KeywordContext, name: string): [string, SchemaNode][] {
  const value = keyword(context, name);
  if (value === undefined) return [];
  if (!isObject(value)) throw malformed(name);
  return Object.entries(value).map(([key, schema]) => [key, context.compiler.node(schema, context.resource)]);
}

function schemaList(context: KeywordContext, name: string): SchemaNode[] | undefined {
  const value = keyword(context, name);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw malformed(name);
  return value.map((schema) => context.compiler.node(schema, context.resource));
}

function members(context: KeywordContext): Check[] {
  const properties = schemasIn(context, "properties");
  const patterns = schemasIn(context, "patternProperties").map(([source, node]): readonly [Pattern, SchemaNode] => [
    new Pattern(source),
    node,
  ]);
  const additional = schemaAt(context, "additionalProperties");
  const names = context.compiler.dialect >= 6 ? schemaAt(context, "propertyNames") : undefined;
  const checks: Check[] = [];
  if (properties.length > 0)
    checks.push((value, run, seen) => {
      if (!isObject(value)) return true;
      run.budget.spend(properties.length >> 2);
      for (const [key, node] of properties) {
        if (!Object.hasOwn(value, key)) continue;
        seen?.addKey(key, run.budget);
        if (!evaluateAt(key, node, value[key], run)) return false;
      }
      return true;
    });
  if (patterns.length > 0 || additional !== undefined)
    checks.push(otherMembers(new Set(properties.map(([key]) => key)), patterns, additional));
  if (names !== undefined)
    checks.push(
      (value, run) => !isObject(value) || Object.keys(value).every((key) => evaluateAt(key, names, key, run)),
    );
  return checks;
}

function otherMembers(
  known: ReadonlySet<string>,
  patterns: readonly (readonly [Pattern, SchemaNode])[],
  additional: SchemaNode | undefined,
): Check {
  return (value, run, seen) => {
    if (!isObject(value)) return true;
    for (const key of Object.keys(value)) {
      run.budget.spend(1);
      let isKnown = known.has(key);
      for (const [pattern, node] of patterns) {
        if (!pattern.test(key, run.budget)) continue;
        isKnown = true;
        seen?.addKey(key, run.budget);
        if (!evaluateAt(key, node, value[key], run)) return false;
      }
      if (isKnown || additional === undefined) continue;
      seen?.addKey(key, run.budget);
      if (!evaluateAt(key, additional, value[key], run)) return false;
    }
    return true;
  };
}

function items(context: KeywordContext): Check[] {
  const isModern = context.compiler.dialect >= 2020;
  const given = keyword(context, "items");
  const isTuple = !isModern && Array.isArray(given);
  const first = isModern ? schemaList(context, "prefixItems") : isTuple ? schemaList(context, "items") : undefined;
  const others = isTuple ? schemaAt(context, "additionalItems") : schemaAt(context, "items");
  if (first === undefined && others === undefined) return [];
  const prefix = first ?? [];
  return [
    (value, run, seen) => {
      if (!Array.isArray(value)) return true;
      if (seen !== undefined)
        seen.items = Math.max(seen.items, others === undefined ? Math.min(prefix.length, value.length) : value.length);
      for (let index = 0; index < value.length; index++) {
        const node = prefix[index] ?? others;
        if (node === undefined) return true;
        if (!evaluateAt(index, node, value[index], run)) return false;
      }
      return true;
    },
  ];
}

function containing(context: KeywordContext): Check[] {
  const { dialect } = context.compiler;
  const node = dialect >= 6 ? schemaAt(context, "contains") : undefined;
  if (node === undefined) return [];
  const least = (dialect >= 2019 ? countOf(context, "minContains") : undefined) ?? 1;
  const most = (dialect >= 2019 ? countOf(context, "maxContains") : undefined) ?? Number.POSITIVE_INFINITY;
  return [
    (value, run, seen) => {
      if (!Array.isArray(value)) return true;
      let found = 0;
      for (let index = 0; index < value.length; index++) {
        if (!evaluate(node, value[index], run, undefined)) continue;
        found += 1;
        if (dialect >= 2020) seen?.indexes.add(index);
      }
      return (found >= least && found <= most) || run.fail("has too few or too many items of the kind it must contain");
    },
  ];
}

/** Whether a branch fits; only then counts what it has looked at. */
function fitsBranch(node: SchemaNode, ...[value, run, seen]: Parameters<Check>): boolean {
  if (seen === undefined) return evaluate(node, value, run, undefined);
  const own = new Evaluated();
  const fits = evaluate(node, value, run, own);
  if (fits) seen.add(own, run.budget);
  return fits;
}

function branches(context: KeywordContext): Check[] {
  const checks: Check[] = [];
  const all = schemaList(context, "allOf");
  const any = schemaList(context, "anyOf");
  const one = schemaList(context, "oneOf");
  const not = schemaAt(context, "not");
  // Nothing would fit what is a slip.
  if (any?.length === 0) throw malformed("anyOf");
  if (one?.length === 0) throw malformed("oneOf");
  if (all !== undefined) checks.push((value, run, seen) => all.every((node) => evaluate(node, value, run, seen)));
  if (any !== undefined)
    checks.push((value, run, seen) => {
      let fits = false;
      for (const node of any) {
        if (fitsBranch(node, value, run, seen)) fits = true;
        if (fits && seen === undefined) return true;
      }
      return fits || run.fail("must fit at least one of the schemas in anyOf");
    });
  if (one !== undefined)
    checks.push((value, run, seen) => {
      let fits = 0;
      for (const node of one) if (fitsBranch(node, value, run, seen)) fits += 1;
      return fits === 1 || run.fail(`must fit exactly one of the schemas in oneOf, and fits ${fits}`);
    });
  if (not !== undefined)
    checks.push((value, run) => !fitsBranch(not, value, run, undefined) || run.fail("must not fit the schema in not"));
  return checks;
}

function conditions(context: KeywordContext): Check[] {
  if (context.compiler.dialect < 7) return [];
  const condition = schemaAt(context, "if");
  const whenTrue = schemaAt(context, "then");
  const whenFalse = schemaAt(context, "else");
  if (condition === undefined) return [];
  return [
    (value, run, seen) => {
      const node = fitsBranch(condition, value, run, seen) ? whenTrue : whenFalse;
      return node === undefined || evaluate(node, value, run, seen);
    },
  ];
}

function dependencies(context: KeywordContext): Check[] {
  const checks: Check[] = [];
  const when = (key: string, check: Check): void => {
    checks.push((value, run, seen) => {
      run.budget.spend(1);
      return !isObject(value) || !Object.hasOwn(value, key) || check(value, run, seen);
    });
  };
  for (const name of ["dependencies", "dependentRequired", "dependentSchemas"]) {
    const given = keyword(context, name);
    if (given === undefined || (name !== "dependencies" && context.compiler.dialect < 2019)) continue;
    if (!isObject(given)) throw malformed(name);
    for (const [key, needed] of Object.entries(given)) {
      const isList = Array.isArray(needed) && name !== "dependentSchemas";
      if (isList || name === "dependentRequired") when(key, requires(namesOf(needed, name)));
      else {
        const node = context.compiler.node(needed, context.resource);
        when(key, (value, run, seen) => evaluate(node, value, run, seen));
      }
    }
  }
  return checks;
}

function leftoverMembers(context: KeywordContext): Check[] {
  const node = schemaAt(context, "unevaluatedProperties");
  if (node === undefined) return [];
  return [
    (value, run, seen) => {
      if (!isObject(value) || seen === undefined) return true;
      for (const key of seen.hasAllKeys ? [] : Object.keys(value)) {
        run.budget.spend(1);
        if (!seen.keys.has(key) && !evaluateAt(key, node, value[key], run)) return false;
      }
      seen.hasAllKeys = true;
      return true;
    },
  ];
}

function leftoverItems(context: KeywordContext): Check[] {
  const node = schemaAt(context, "unevaluatedItems");
  if (node === undefined) return [];
  return [
    (value, run, seen) => {
      if (!Array.isArray(value) || seen === undefined) return true;
      for (let index = seen.items; index < value.length; index++) {
        run.budget.spend(1);
        if (!seen.indexes.has(index) && !evaluateAt(index, node, value[index], run)) return false;
      }
      seen.items = value.length;
      return true;
    },
  ];
}
