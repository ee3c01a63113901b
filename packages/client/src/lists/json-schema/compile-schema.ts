import { Uncheckable } from "./budget.js";
import { evaluate, Run } from "./node.js";
import { SchemaCompiler } from "./schema-compiler.js";

const maxPath = 300;

/** What a look at a value gave: it fits, it does not, or it could not be found out. */
export type Verdict =
  | { readonly kind: "fits" }
  | { readonly kind: "misfit"; readonly problem: string }
  | { readonly kind: "unchecked"; readonly reason: string };

const fits: Verdict = { kind: "fits" };

/**
 * Makes a function that checks values against a JSON Schema (draft-04 to 2020-12, by `$schema`). It interprets the
 * schema, runs no code made from it, stops at the first problem and takes bounded time, stack and memory, whatever the
 * schema and the value. `format` and the keywords about content describe and are not checked. Neither ever throws.
 */
export function compileSchema(schema: unknown): (value: unknown) => Verdict {
  try {
    const node = new SchemaCompiler(schema).compile();
    return (value) => {
      const run = new Run();
      try {
        if (evaluate(node, value, run, undefined)) return fits;
        return { kind: "misfit", problem: `${pathOf(run.path)} ${run.problem}` };
      } catch (error) {
        return unchecked(error);
      }
    };
  } catch (error) {
    const verdict = unchecked(error);
    return () => verdict;
  }
}

function unchecked(error: unknown): Verdict {
  if (error instanceof Uncheckable) return { kind: "unchecked", reason: error.message };
  // The stack was almost full when the check was called, or the schema is nested too deeply for it.
  if (error instanceof RangeError) return { kind: "unchecked", reason: "it is nested too deeply to be checked" };
  throw error;
}

function pathOf(keys: readonly string[]): string {
  if (keys.length === 0) return "it";
  const path = keys
    .slice(-20)
    .reverse()
    .map((key) => `/${key}`)
    .join("");
  return path.length <= maxPath ? path : `${path.slice(0, maxPath)}...`;
}
