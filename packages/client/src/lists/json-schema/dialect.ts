import { Uncheckable } from "./budget.js";

/** A version of JSON Schema, told by its year or draft so that later ones are greater. */
export type Dialect = 4 | 6 | 7 | 2019 | 2020;

const byUri: ReadonlyMap<string, Dialect> = new Map<string, Dialect>([
  ["json-schema.org/draft-04/schema", 4],
  ["json-schema.org/draft-06/schema", 6],
  ["json-schema.org/draft-07/schema", 7],
  ["json-schema.org/schema", 2020],
  ["json-schema.org/draft/2019-09/schema", 2019],
  ["json-schema.org/draft/2020-12/schema", 2020],
]);

/** The dialect that a schema says it is written in; 2020-12 where it says nothing (SEP-1613). */
export function dialectOf(schema: unknown): Dialect {
  const uri = typeof schema === "object" && schema !== null ? Reflect.get(schema, "$schema") : undefined;
  if (uri === undefined || uri === null) return 2020;
  const known = typeof uri === "string" ? byUri.get(uri.replace(/^https?:\/\//, "").replace(/#$/, "")) : undefined;
  if (known === undefined) throw new Uncheckable("its output schema names a dialect in $schema that is not known");
  return known;
}
