import { RE2JS } from "re2js";
import { type Budget, Uncheckable } from "./budget.js";

const longest = 4_000;
const maxRepeats = 1_000;
/** Choices of V8's engine that a step pays for: it takes about a nanosecond for each. */
const choicesPerStep = 20;
/** Steps for each character and instruction of the linear engine, which takes up to 100 ns for them. */
const stepsPerInstruction = 4;
const stepsToCompile = 20_000;

/** What decides how long a backtracking engine can take. */
interface Shape {
  /** Quantifiers that can match texts of different lengths. */
  readonly loops: number;
  /** Places where one of two ways is taken: `|`, and a group followed by `?`. */
  readonly forks: number;
  readonly isAnchored: boolean;
  /** A group is repeated, or something so often that V8 would write it out at length. */
  readonly isNested: boolean;
}

/**
 * A `pattern` of a schema. V8's engine backtracks, so it is used only where what it can cost at most is known and small
 * for the text at hand; otherwise a port of RE2 takes over, whose time is linear in the text whatever the pattern.
 */
export class Pattern {
  readonly #source: string;
  readonly #shape: Shape;
  readonly #native: RegExp;
  #linear: RE2JS | undefined;

  /** Throws {@link Uncheckable} where it is no pattern. */
  constructor(source: string) {
    if (source.length > longest) throw new Uncheckable(`a pattern of its schema is longer than ${longest} characters`);
    this.#source = source;
    this.#native = nativeOf(source);
    this.#shape = shapeOf(source);
  }

  /** Whether it matches anywhere in `text`. Throws {@link Uncheckable} where that would take too long. */
  test(text: string, budget: Budget): boolean {
    const steps = this.#nativeSteps(text.length);
    if (steps <= budget.left) {
      budget.spend(steps);
      return this.#native.test(text);
    }
    this.#linear ??= this.#compileLinear(budget);
    const linear = this.#linear;
    budget.spend(text.length * linear.programSize() * stepsPerInstruction);
    return linear.test(text);
  }

  #nativeSteps(length: number): number {
    const { loops, forks, isAnchored, isNested } = this.#shape;
    if (isNested) return Number.POSITIVE_INFINITY;
    const ways = (length + 1) ** (isAnchored ? Math.max(loops, 1) : loops + 1) * 2 ** forks;
    return Math.ceil((ways * (1 + this.#source.length / 16)) / choicesPerStep);
  }

  #compileLinear(budget: Budget): RE2JS {
    budget.spend(stepsToCompile);
    try {
      return RE2JS.compile(RE2JS.translateRegExp(this.#source));
    } catch {
      throw new Uncheckable("a pattern of its schema cannot be matched in linear time");
    }
  }
}

/** As the specification has it with `u`, and without where the pattern has escapes that `u` does not know. */
function nativeOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch {
    try {
      return new RegExp(source);
    } catch {
      throw new Uncheckable("a pattern of its schema is not a regular expression");
    }
  }
}

/** Reads a valid pattern once, from left to right. */
function shapeOf(source: string): Shape {
  let loops = 0;
  let forks = 0;
  let isNested = false;
  let hasAlternatives = false;
  let isInClass = false;
  let endsGroup = false;
  for (let at = 0; at < source.length; at++) {
    const char = source[at];
    const isAfterGroup = endsGroup;
    endsGroup = char === ")" && !isInClass;
    if (char === "\\") {
      // A reference to a group repeats it, whatever it holds.
      if (!isInClass && /[1-9k]/.test(source[at + 1] ?? "")) isNested = true;
      at += 1;
    } else if (isInClass) {
      isInClass = char !== "]";
    } else if (char === "[") {
      isInClass = true;
    } else if (char === "|") {
      forks += 1;
      hasAlternatives = true;
    } else if (char === "(") {
      if (source[at + 1] === "?") at += 1;
    } else if (char !== undefined && "*+?{".includes(char)) {
      const range = char === "{" ? /^\{(\d+)(?:(,)(\d*))?\}/.exec(source.slice(at, at + 32)) : undefined;
      if (range === null) continue;
      const [, least, comma, most = ""] = range ?? [];
      if (Math.max(Number(least ?? 0), Number(most)) > maxRepeats) isNested = true;
      if (isAfterGroup && char !== "?") isNested = true;
      else if (isAfterGroup) forks += 1;
      else if (range === undefined || (comma !== undefined && least !== most)) loops += 1;
    }
  }
  return { loops, forks, isNested, isAnchored: source.startsWith("^") && !hasAlternatives };
}
