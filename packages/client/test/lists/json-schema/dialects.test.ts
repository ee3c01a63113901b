import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileSchema } from "../../../src/lists/json-schema/compile-schema.js";

const kindOf = (schema: unknown, value: unknown): string => compileSchema(schema)(value).kind;

test.each([
  [{ prefixItems: [{ type: "string" }, { type: "number" }], items: false }, ["a", 1], [1, "a"]],
  [{ $schema: "http://json-schema.org/draft-04/schema#", minimum: 0, exclusiveMinimum: true }, 1, 0],
  [{ $schema: "http://json-schema.org/draft-06/schema#", exclusiveMinimum: 0 }, 1, 0],
  [
    { $schema: "http://json-schema.org/draft-07/schema", items: [{ type: "string" }], additionalItems: false },
    ["a"],
    ["a", 1],
  ],
  [
    {
      $schema: "http://json-schema.org/draft-07/schema#",
      $ref: "#/definitions/n",
      type: "string",
      definitions: { n: { type: "number" } },
    },
    1,
    "a",
  ],
  [
    { $schema: "https://json-schema.org/draft/2019-09/schema", properties: { a: true }, unevaluatedProperties: false },
    { a: 1 },
    { b: 1 },
  ],
  [
    {
      $schema: "https://json-schema.org/draft/2019-09/schema",
      $recursiveAnchor: true,
      type: "object",
      additionalProperties: { $recursiveRef: "#" },
    },
    { a: { b: {} } },
    { a: { b: 1 } },
  ],
  [
    {
      $id: "https://example.com/tree",
      $dynamicAnchor: "node",
      properties: { kids: { items: { $dynamicRef: "#node" } } },
      unevaluatedProperties: false,
    },
    { kids: [{}] },
    { kids: [{ x: 1 }] },
  ],
  [
    {
      $ref: "item",
      $defs: {
        item: { $id: "item", type: "array", items: { $ref: "#here" }, $defs: { x: { $anchor: "here", type: "null" } } },
      },
    },
    [null],
    [1],
  ],
  [{ type: "array" }, [], {}],
  [{ type: "string", minLength: 2, maxLength: 2 }, "😀😀", "😀"],
  [{ multipleOf: 0.01 }, 19.99, 19.995],
  [{ multipleOf: 1 }, 1e21, 5e-324],
  [{ multipleOf: 0.123456789 }, 0.123456789, 1e308],
  [JSON.parse('{"if":{"type":"number"},"then":{"minimum":3},"else":{"type":"string"}}'), 3, 2],
  [{ contains: { const: 1 }, minContains: 2 }, [1, 1], [1, 2]],
  [{ dependentRequired: { a: ["b"] } }, { a: 1, b: 1 }, { a: 1 }],
  [{ required: ["__proto__"] }, JSON.parse('{"__proto__":1}'), {}],
  // Without a prototype, as no parser makes it, it is an object like any other; Ajv compares constructors.
  [{ enum: [{}] }, Object.create(null), { a: 1 }],
  [{ properties: { toString: { type: "string" } } }, {}, { toString: 1 }],
  [{ description: null, title: null, enum: null, const: null }, null, 1],
  [true, 1, undefined],
])("M17: each dialect by its $schema, 2020-12 by default: %j", (schema, good, bad) => {
  expect(kindOf(schema, good)).toBe("fits");
  if (bad !== undefined) expect(kindOf(schema, bad)).toBe("misfit");
});

test.each([
  [{ $schema: "https://example.com/own" }, "dialect"],
  [{ $ref: "https://example.com/other" }, "which it does not hold"],
  [{ $ref: "#/$defs/none" }, "which it does not hold"],
  [{ type: "strin" }, '"type"'],
  [{ properties: [] }, '"properties"'],
  [{ pattern: "(" }, "not a regular expression"],
  [{ minLength: -1 }, '"minLength"'],
  [{ type: [] }, '"type"'],
  [{ type: { toString: 1 } }, '"type"'],
  [{ multipleOf: { valueOf: 1, toString: 1 } }, '"multipleOf"'],
  [{ properties: { n: { multipleOf: 0 } } }, '"multipleOf"'],
  [{ multipleOf: -2 }, '"multipleOf"'],
  [{ anyOf: [] }, '"anyOf"'],
  [{ oneOf: [] }, '"oneOf"'],
  ["text", "something else than a schema"],
  [null, "something else than a schema"],
])("M17: a schema that cannot be made out says why: %j", (schema, words) => {
  expect(compileSchema(schema)({})).toMatchObject({ kind: "unchecked", reason: expect.stringContaining(words) });
});

// Ajv compares a member of that name with the prototype.
const value = fc.jsonValue({ maxDepth: 3 }).filter((one) => !JSON.stringify(one).includes("__proto__"));
const leaf = fc.oneof(
  fc.constantFrom(true, false, {}),
  fc.record({ type: fc.constantFrom("string", "number", "integer", "boolean", "null", "array", "object") }),
  fc.record({ enum: fc.uniqueArray(value, { minLength: 1, maxLength: 4, selector: (one) => JSON.stringify(one) }) }),
  fc.record({ const: value }),
  fc.record({ minimum: fc.integer({ min: -9, max: 9 }), maximum: fc.integer({ min: 0, max: 20 }) }),
  fc.record({ minLength: fc.nat(4), maxLength: fc.nat(9) }),
  fc.record({ pattern: fc.constantFrom("^[a-z]+$", "a|b", "(ab)*c", "\\d{2,3}", "^(?:x|y){2}") }),
  fc.record({ required: fc.uniqueArray(fc.constantFrom("a", "b", "c")) }),
  fc.record({ minItems: fc.nat(3), uniqueItems: fc.boolean() }),
  fc.record({ maxProperties: fc.nat(3) }),
);
const { schema } = fc.letrec((tie) => {
  const inner = tie("schema");
  const list = fc.array(inner, { minLength: 1, maxLength: 3 });
  return {
    schema: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record({ allOf: list }),
      fc.record({ anyOf: list }),
      fc.record({ oneOf: list }),
      fc.record({ not: inner }),
      fc
        .tuple(inner, inner, inner)
        .map((parts) => Object.fromEntries(["if", "then", "else"].map((word, index) => [word, parts[index]]))),
      fc.record({ prefixItems: list, items: inner }, { requiredKeys: [] }),
      fc.record(
        {
          properties: fc.record({ a: inner, b: inner }, { requiredKeys: [] }),
          patternProperties: fc.record({ "^c": inner }, { requiredKeys: [] }),
          additionalProperties: inner,
          propertyNames: inner,
        },
        { requiredKeys: [] },
      ),
      fc.record({ dependentSchemas: fc.record({ a: inner }), dependentRequired: fc.constant({ b: ["a"] }) }),
    ),
  };
});
const content = fc.oneof(
  value,
  fc.dictionary(fc.constantFrom("a", "b", "c", "cc", "d"), value, { noNullPrototype: true }),
  fc.array(fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom("a", "abc", "x", "12", null)), { maxLength: 5 }),
);

// Without what Ajv 8.20 gets wrong inside branches: `contains` of an empty list, `unevaluatedItems` that another branch has.
const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false, logger: false });

test("M17: of schemas that Ajv understands, whatever they are, content fits exactly those that Ajv says it fits", () => {
  fc.assert(
    fc.property(schema, content, (schema, content) => {
      const expected = ajv.validate(Object(schema) === schema ? Object(schema) : schema === true, content);
      expect(kindOf(schema, content)).toBe(expected ? "fits" : "misfit");
    }),
    { numRuns: 400 },
  );
});
