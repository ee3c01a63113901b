import { isObject, textOf } from "../../untrusted.js";
import { areUnique, isEqual } from "./json-equality.js";
import { type KeywordContext, keyword, malformed } from "./keyword.js";
import type { Check, Run } from "./node.js";
import { Pattern } from "./pattern.js";

/** What makes the checks of the keywords that look at a value itself. */
export const assertions: readonly (readonly [keyword: string, make: (context: KeywordContext) => Check[]])[] = [
  ["type", types],
  ["const", constant],
  ["enum", enumeration],
  ...grouped(numbers, ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
  ...grouped(texts, ["minLength", "maxLength", "pattern"]),
  ...grouped(lists, ["minItems", "maxItems", "uniqueItems"]),
  ...grouped(objects, ["minProperties", "maxProperties", "required"]),
];

/** One function for keywords that belong together. */
export function grouped<T>(make: T, keywords: readonly string[]): (readonly [keyword: string, make: T])[] {
  return keywords.map((name) => [name, make]);
}

/** The types of JSON, by their names in schemas. */
const isOfType: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => typeof value === "number" && Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: (value) => Array.isArray(value),
  object: isObject,
};

function types(context: KeywordContext): Check[] {
  const given = keyword(context, "type");
  if (given === undefined) return [];
  const names = (Array.isArray(given) ? given : [given]).map(textOf);
  const tests = names.map((name) => {
    const test = Object.hasOwn(isOfType, name) ? isOfType[name] : undefined;
    if (test === undefined) throw malformed("type");
    return test;
  });
  const problem = `must be ${names.join(" or ")}`;
  const [only] = tests;
  if (only === undefined) throw malformed("type");
  if (tests.length === 1) return [(value, run) => only(value) || run.fail(problem)];
  return [(value, run) => tests.some((test) => test(value)) || run.fail(problem)];
}

function constant(context: KeywordContext): Check[] {
  const { schema, compiler } = context;
  if (compiler.dialect < 6 || !Object.hasOwn(schema, "const")) return [];
  const expected: unknown = Reflect.get(schema, "const");
  return [(value, run) => isEqual(value, expected, run.budget) || run.fail("must be the constant of its schema")];
}

function enumeration(context: KeywordContext): Check[] {
  const values = keyword(context, "enum");
  if (values === undefined) return [];
  if (!Array.isArray(values)) throw malformed("enum");
  const simple = new Set<unknown>(values.filter((one) => typeof one !== "object" || one === null));
  const others = values.filter((one) => typeof one === "object" && one !== null);
  const isOne = (value: unknown, run: Run): boolean =>
    simple.has(value) ||
    (typeof value === "object" &&
      others.some((other) => {
        run.budget.spend(1);
        return isEqual(value, other, run.budget);
      }));
  return [(value, run) => isOne(value, run) || run.fail("must be one of the values that its schema allows")];
}

function numbers(context: KeywordContext): Check[] {
  const isOld = context.compiler.dialect === 4;
  const checks: Check[] = [];
  const bound = (name: string, words: string, holds: (value: number, limit: number) => boolean): void => {
    const limit = numberOf(context, name);
    if (limit === undefined) return;
    const problem = `must be ${words} ${limit}`;
    checks.push((value, run) => typeof value !== "number" || holds(value, limit) || run.fail(problem));
  };
  const isExclusive = (name: string): boolean => isOld && keyword(context, name) === true;
  if (isExclusive("exclusiveMinimum")) bound("minimum", "more than", (value, limit) => value > limit);
  else bound("minimum", "at least", (value, limit) => value >= limit);
  if (isExclusive("exclusiveMaximum")) bound("maximum", "less than", (value, limit) => value < limit);
  else bound("maximum", "at most", (value, limit) => value <= limit);
  if (!isOld) {
    bound("exclusiveMinimum", "more than", (value, limit) => value > limit);
    bound("exclusiveMaximum", "less than", (value, limit) => value < limit);
  }
  if (Number(numberOf(context, "multipleOf")) <= 0) throw malformed("multipleOf");
  bound("multipleOf", "a multiple of", isMultiple);
  return checks;
}

/** Decimal fractions are not exact: a quotient that is as near to an integer as rounding leaves it is one. */
function isMultiple(value: number, divisor: number): boolean {
  const quotient = value / divisor;
  if (!Number.isFinite(quotient)) return value % divisor === 0;
  return Math.abs(quotient - Math.round(quotient)) <= 4 * Number.EPSILON * Math.abs(quotient);
}

function texts(context: KeywordContext): Check[] {
  const checks: Check[] = [];
  const least = countOf(context, "minLength");
  const most = countOf(context, "maxLength");
  const source = keyword(context, "pattern");
  if (least !== undefined) {
    const problem = `must have at least ${least} characters`;
    checks.push((value, run) => typeof value !== "string" || lengthOf(value, run) >= least || run.fail(problem));
  }
  if (most !== undefined) {
    const problem = `must have at most ${most} characters`;
    checks.push((value, run) => typeof value !== "string" || lengthOf(value, run) <= most || run.fail(problem));
  }
  if (source !== undefined) {
    if (typeof source !== "string") throw malformed("pattern");
    const pattern = new Pattern(source);
    const problem = `must match the pattern ${source.slice(0, 200)}`;
    checks.push((value, run) => typeof value !== "string" || pattern.test(value, run.budget) || run.fail(problem));
  }
  return checks;
}

/** In characters, of which some are made of two units. */
function lengthOf(text: string, run: Run): number {
  run.budget.spend(text.length >> 4);
  let length = text.length;
  for (let at = 0; at < text.length; at++) if (isPair(text, at)) length -= 1;
  return length;
}

function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff) return false;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}

function lists(context: KeywordContext): Check[] {
  const checks: Check[] = [];
  const least = countOf(context, "minItems");
  const most = countOf(context, "maxItems");
  if (least !== undefined)
    checks.push((v, run) => !Array.isArray(v) || v.length >= least || run.fail(`must have at least ${least} items`));
  if (most !== undefined)
    checks.push((v, run) => !Array.isArray(v) || v.length <= most || run.fail(`must have at most ${most} items`));
  if (keyword(context, "uniqueItems") === true)
    checks.push((v, run) => !Array.isArray(v) || areUnique(v, run.budget) || run.fail("must not have equal items"));
  return checks;
}

function objects(context: KeywordContext): Check[] {
  const checks: Check[] = [];
  const least = countOf(context, "minProperties");
  const most = countOf(context, "maxProperties");
  if (least !== undefined)
    checks.push((v, run) => !isObject(v) || sizeOf(v, run) >= least || run.fail(`must have at least ${least} members`));
  if (most !== undefined)
    checks.push((v, run) => !isObject(v) || sizeOf(v, run) <= most || run.fail(`must have at most ${most} members`));
  const required = keyword(context, "required");
  // Draft 3 had `required: true` on the property itself, and many schemas still do.
  if (required !== undefined && typeof required !== "boolean") checks.push(requires(namesOf(required, "required")));
  return checks;
}

/** Whether an object has all members of these names. */
export function requires(names: readonly string[]): Check {
  return (value, run) => {
    if (!isObject(value)) return true;
    run.budget.spend(names.length >> 2);
    for (const name of names)
      if (!Object.hasOwn(value, name)) return run.fail(`must have a member "${name.slice(0, 200)}"`);
    return true;
  };
}

/** A list of names. Throws where a keyword has something else. */
export function namesOf(value: unknown, name: string): string[] {
  if (!Array.isArray(value) || !value.every((one) => typeof one === "string")) throw malformed(name);
  return value;
}

function sizeOf(value: object, run: Run): number {
  const { length } = Object.keys(value);
  run.budget.spend(length >> 2);
  return length;
}

function numberOf(context: KeywordContext, name: string): number | undefined {
  const value = keyword(context, name);
  if (value === undefined || typeof value === "number") return value;
  throw malformed(name);
}

/** A number that counts something. */
export function countOf(context: KeywordContext, name: string): number | undefined {
  const value = numberOf(context, name);
  if (value !== undefined && (value < 0 || !Number.isInteger(value))) throw malformed(name);
  return value;
}
