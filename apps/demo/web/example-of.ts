/** Arguments to begin with: what a JSON Schema of an object requires, with its own defaults and examples where it has any. */
export function exampleOf(schema: unknown): unknown {
  return exampleValue(schema, 0);
}

function exampleValue(schema: unknown, depth: number): unknown {
  if (!isObject(schema) || depth > 5) return null;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  for (const key of ["examples", "enum"]) {
    const choices = schema[key];
    if (Array.isArray(choices) && choices.length > 0) return choices[0];
  }
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "string") return "";
  if (type === "number" || type === "integer") return typeof schema.minimum === "number" ? schema.minimum : 0;
  if (type === "boolean") return false;
  if (type === "array") return [];
  if (type === "object" || isObject(schema.properties)) return objectOf(schema, depth);
  return depth === 0 ? {} : null;
}

function objectOf({ properties, required }: Record<string, unknown>, depth: number): unknown {
  if (!isObject(properties) || !Array.isArray(required)) return {};
  const names = required.filter((name): name is string => typeof name === "string" && Object.hasOwn(properties, name));
  return Object.fromEntries(names.map((name) => [name, exampleValue(properties[name], depth + 1)]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
