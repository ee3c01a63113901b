import { expect, test } from "vitest";
import { compileSchema, type Verdict } from "../../../src/lists/json-schema/compile-schema.js";

/** 50 ms on the machine of the bench; ten times that where tests share a slower one. */
const enoughMs = 500;

/** The processor time of the shortest of some runs, so that the load of the machine does not count; the first will do if it is short enough. */
function measured(run: () => Verdict): { readonly verdict: Verdict; readonly ms: number } {
  let ms = Number.POSITIVE_INFINITY;
  let verdict: Verdict | undefined;
  for (let round = 0; round < 5 && ms >= enoughMs; round++) {
    const begin = process.cpuUsage();
    verdict = run();
    const { user, system } = process.cpuUsage(begin);
    ms = Math.min(ms, (user + system) / 1_000);
  }
  if (verdict === undefined) throw new Error("it did not run");
  return { verdict, ms };
}

const nested = (levels: number): object =>
  levels === 0 ? { type: "string" } : { anyOf: Array.from({ length: 4 }, () => nested(levels - 1)) };
const text = (length: number): string => "a".repeat(length);
const objects = (count: number): object[] => Array.from({ length: count }, (_, i) => ({ i }));
const deep = (levels: number): unknown => JSON.parse(`${'{"x":'.repeat(levels)}{}${"}".repeat(levels)}`);

const cases: readonly (readonly [what: string, schema: () => unknown, content: () => unknown])[] = [
  ["a pattern that backtracks exponentially", () => ({ pattern: "^(a+)+$" }), () => `${text(40)}!`],
  ["the same over 1 MB", () => ({ pattern: "^(a+)+$" }), () => `${text(1_000_000)}!`],
  ["a pattern that backtracks polynomially", () => ({ pattern: "a*a*a*a*b" }), () => text(20_000)],
  ["a group behind an escaped backslash", () => ({ pattern: "^(\\\\|\\\\)*$" }), () => `${"\\".repeat(40)}!`],
  ["alternatives that overlap", () => ({ pattern: "^(?:(a|a)(a|a)(a|a)(a|a)){8}$" }), () => `${text(32)}!`],
  ["a back reference", () => ({ pattern: "^(a*)*\\1$" }), () => `${text(40)}!`],
  ["look-around that backtracks", () => ({ pattern: "(?=(a+)+b)" }), () => text(40)],
  ["counted optional parts", () => ({ pattern: "^(a?){300}a{300}$" }), () => text(300)],
  ["a plain pattern over 1 MB", () => ({ pattern: "[a-z]+x" }), () => text(1_000_000)],
  [
    "a pattern as the name of a property",
    () => ({ patternProperties: { "^(a+)+$": {} } }),
    () => ({ [`${text(40)}!`]: 1 }),
  ],
  ["4,096 nested anyOf", () => nested(6), () => 1],
  [
    "references that double 27 times",
    () => ({
      $ref: "#/$defs/a0",
      $defs: Object.fromEntries(
        Array.from({ length: 28 }, (_, i) => {
          const next = { $ref: `#/$defs/a${i + 1}` };
          return [`a${i}`, i < 27 ? { allOf: [next, next] } : { type: "string" }];
        }),
      ),
    }),
    () => "s",
  ],
  ["a reference to itself", () => ({ $ref: "#" }), () => 1],
  ["unique items over 8,000 objects", () => ({ uniqueItems: true }), () => objects(8_000)],
  [
    "unique items that all collide in length",
    () => ({ uniqueItems: true }),
    () => Array.from({ length: 90_000 }, (_, i) => [i]),
  ],
  ["items of 1 MB", () => ({ items: { type: "integer" } }), () => Array(500_000).fill(1)],
  ["contains over 1 MB", () => ({ contains: { const: 2 } }), () => Array(500_000).fill(1)],
  ["an enumeration of objects for each item", () => ({ items: { enum: objects(2_000) } }), () => objects(20_000)],
  [
    "100,000 required names for each item",
    () => ({ items: { required: Array.from({ length: 100_000 }, (_, i) => `n${i}`) } }),
    () => objects(8_000),
  ],
  [
    "unevaluated members under many branches",
    () => ({ anyOf: Array(300).fill({ additionalProperties: true }), unevaluatedProperties: false }),
    () => Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 1])),
  ],
  ["content 200,000 levels deep", () => ({ properties: { x: { $ref: "#" } } }), () => deep(200_000)],
  ["equal content 200,000 levels deep", () => ({ uniqueItems: true }), () => [deep(200_000), deep(200_000)]],
  ["a constant compared 5,000 levels deep", () => ({ const: deep(5_000) }), () => deep(5_000)],
  ["a schema 100,000 levels deep", () => JSON.parse(`${'{"not":'.repeat(100_000)}{}${"}".repeat(100_000)}`), () => 1],
  ["a schema of 100,000 schemas", () => ({ anyOf: Array.from({ length: 100_000 }, () => ({})) }), () => 1],
  ["dynamic references in a circle", () => ({ $dynamicAnchor: "n", allOf: [{ $dynamicRef: "#n" }] }), () => ({})],
  [
    "recursive references in a circle",
    () => ({
      $schema: "https://json-schema.org/draft/2019-09/schema",
      $recursiveAnchor: true,
      anyOf: [{ $recursiveRef: "#" }, { $recursiveRef: "#" }],
    }),
    () => ({}),
  ],
];

test.each(cases)("M17: no schema and no content holds the event loop: %s", (_, makeSchema, makeContent) => {
  const [schema, content] = [makeSchema(), makeContent()];
  const { verdict, ms } = measured(() => compileSchema(schema)(content));
  expect(["fits", "misfit", "unchecked"]).toContain(verdict.kind);
  expect(ms).toBeLessThan(enoughMs);
});
