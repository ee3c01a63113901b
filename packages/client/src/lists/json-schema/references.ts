import { Uncheckable } from "./budget.js";
import { type KeywordContext, keyword, malformed } from "./keyword.js";
import { type Check, evaluate, type SchemaNode } from "./node.js";

/** The check of `$ref`, `$dynamicRef` and `$recursiveRef`; undefined where a schema has none of them. */
export function referenceCheck(context: KeywordContext): Check | undefined {
  const { dialect } = context.compiler;
  const checks = [
    plain(context),
    dialect >= 2020 ? dynamic(context) : undefined,
    dialect === 2019 ? recursive(context) : undefined,
  ].filter((check) => check !== undefined);
  const [only] = checks;
  return checks.length < 2 ? only : (value, run, seen) => checks.every((check) => check(value, run, seen));
}

function plain(context: KeywordContext): Check | undefined {
  const reference = keyword(context, "$ref");
  if (reference === undefined) return undefined;
  if (typeof reference !== "string") throw malformed("$ref");
  let target: SchemaNode | undefined;
  context.compiler.refer(reference, context.resource, ({ node }) => {
    target = node;
  });
  return (value, run, seen) => evaluate(found(target), value, run, seen);
}

/** Leads to the outermost schema of that name among those that refer to this one. */
function dynamic({ compiler, resource, ...rest }: KeywordContext): Check | undefined {
  const reference = keyword({ compiler, resource, ...rest }, "$dynamicRef");
  if (reference === undefined) return undefined;
  if (typeof reference !== "string") throw malformed("$dynamicRef");
  let target: SchemaNode | undefined;
  let name: string | undefined;
  compiler.refer(reference, resource, ({ node, dynamicAnchor }) => {
    target = node;
    name = dynamicAnchor;
  });
  return (value, run, seen) => {
    for (const outer of name === undefined ? [] : run.scope) {
      run.budget.spend(1);
      const anchor = name === undefined ? undefined : outer.anchors.get(name);
      if (anchor?.isDynamic === true) return evaluate(compiler.node(anchor.schema, outer), value, run, seen);
    }
    return evaluate(found(target), value, run, seen);
  };
}

function recursive(context: KeywordContext): Check | undefined {
  const { compiler, resource } = context;
  if (keyword(context, "$recursiveRef") === undefined) return undefined;
  const isOpen = (root: unknown): boolean =>
    typeof root === "object" && root !== null && Reflect.get(root, "$recursiveAnchor") === true;
  return (value, run, seen) => {
    const outer = isOpen(resource.root) ? run.scope.find(({ root }) => isOpen(root)) : undefined;
    const { root } = outer ?? resource;
    return evaluate(compiler.node(root, outer ?? resource), value, run, seen);
  };
}

function found(node: SchemaNode | undefined): SchemaNode {
  if (node === undefined) throw new Uncheckable("a reference of its output schema leads nowhere");
  return node;
}
