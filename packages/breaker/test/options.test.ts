import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as surface from "../src/index.js";
import { CircuitBreaker } from "../src/index.js";

function make(options: unknown): CircuitBreaker {
  // What JavaScript callers and JSON files hand over has no type.
  return Reflect.construct(CircuitBreaker, [options]);
}

test.each([
  [{ failureTreshold: 3 }, TypeError, 'CircuitBreaker: there is no option "failureTreshold"'],
  [
    { failureThreshold: 0 },
    RangeError,
    "CircuitBreaker: failureThreshold must be a positive integer or Infinity, got 0",
  ],
  [
    { failureThreshold: "5" },
    TypeError,
    'CircuitBreaker: failureThreshold must be a positive integer or Infinity, got "5"',
  ],
  [
    { failureRateThreshold: 50 },
    RangeError,
    "failureRateThreshold must be a share above 0 and up to 1, or Infinity, got 50",
  ],
  [{ failureRateThreshold: 0 }, RangeError, "failureRateThreshold must be"],
  [{ slowCallRateThreshold: Number.NaN }, RangeError, "slowCallRateThreshold must be"],
  [{ minimumCalls: 1.5 }, RangeError, "minimumCalls must be a positive integer, got 1.5"],
  [{ windowMs: 0 }, RangeError, "windowMs must be"],
  [{ slowCallMs: -1 }, RangeError, "slowCallMs must be"],
  [{ openMs: -1 }, RangeError, "openMs must be"],
  [{ openMs: 10, maxOpenMs: 5 }, RangeError, "maxOpenMs must be at least openMs (10), got 5"],
  [{ openJitter: 2 }, RangeError, "openJitter must be a share from 0 to 1, got 2"],
  [{ maxProbes: 1, successThreshold: 2 }, RangeError, "successThreshold must be at most maxProbes (1)"],
  [{ successThreshold: Number.POSITIVE_INFINITY }, RangeError, "successThreshold must be a positive integer"],
  [{ probeTimeoutMs: 0 }, RangeError, "probeTimeoutMs must be"],
  [{ classify: "failure" }, TypeError, "classify must be a function"],
  [{ onStateChange: null }, TypeError, "onStateChange must be a function, got null"],
  [{ name: 7 }, TypeError, "name must be a string, got 7"],
  [{ restFor: 5 }, TypeError, "restFor must be a function, got 5"],
  [{ name: null }, TypeError, "name must be a string, got null"],
  [{ classify: 5 }, TypeError, "classify must be a function, got 5"],
  [{ windowMs: () => 5 }, TypeError, "windowMs must be a positive number of milliseconds or Infinity, got a function"],
  [
    { openMs: Object.create(null) },
    TypeError,
    "openMs must be a non-negative number of milliseconds or Infinity, got an",
  ],
  [{ openMs: [1] }, TypeError, "got an array"],
  [Object.create({ failureThreshold: Number.NaN }), RangeError, "failureThreshold must be"],
  [[], TypeError, "options must be an object, got an array"],
  [null, TypeError, "options must be an object, got null"],
  ["fast", TypeError, 'options must be an object, got "fast"'],
  [Promise.resolve({ openMs: 5 }), TypeError, "options must have at least one of name, failureThreshold, "],
  [new Map([["openMs", 5]]), TypeError, "got an object with none"],
])("%j is refused before anything is made", (options, type, message) => {
  expect(() => make(options)).toThrow(type);
  expect(() => make(options)).toThrow(message);
});

test("undefined means the default, and a default yields to a given value", () => {
  expect(new CircuitBreaker({ name: undefined }).name).toBe("breaker");
  expect(() => new CircuitBreaker({ maxProbes: 1 })).not.toThrow();
  expect(() => new CircuitBreaker({ successThreshold: 10 })).not.toThrow();
  expect(() => new CircuitBreaker({ maxOpenMs: 5 })).not.toThrow();
});

test("it exports what it says and nothing else", () => {
  expect(Object.keys(surface).sort()).toEqual(["BreakerOpenError", "CircuitBreaker"]);
});

test("no source file imports a module of Node, so that it runs everywhere", () => {
  const folder = new URL("../src/", import.meta.url);
  for (const file of readdirSync(folder)) {
    expect(readFileSync(new URL(file, folder), "utf8")).not.toMatch(/from "(node:|[^.])/);
  }
});

test("what is no operation or no signal is refused as a rejection and counts against nobody", async () => {
  const breaker = new CircuitBreaker({ failureThreshold: 1 });
  const execute = (...args: unknown[]): Promise<unknown> => Reflect.apply(breaker.execute, breaker, args);
  await expect(execute("now")).rejects.toThrow(
    new TypeError('CircuitBreaker: operation must be a function, got "now"'),
  );
  const listens = { aborted: false, addEventListener() {} };
  const strange = [{ ...listens, addEventListener: true }, listens, { ...listens, removeEventListener: true }];
  for (const signal of [null, 7, {}, { aborted: false }, ...strange]) {
    await expect(execute(() => "up", { signal })).rejects.toThrow("CircuitBreaker: signal must be an AbortSignal, got");
  }
  for (const [options, message] of [
    [{ timeoutMs: 5 }, 'execute has no option "timeoutMs"; pass a signal as { signal }'],
    [new AbortController().signal, 'execute has no option "'],
    [Object.create({ signl: 1 }), 'execute has no option "signl"'],
    [null, "the options of execute must be an object, got null"],
    [[], "the options of execute must be an object, got an array"],
    ["now", 'the options of execute must be an object, got "now"'],
  ] as const) {
    await expect(execute(() => "up", options)).rejects.toThrow(TypeError);
    await expect(execute(() => "up", options)).rejects.toThrow(message);
  }
  await expect(execute(() => "up", undefined)).resolves.toBe("up");
  breaker.reset();
  expect(() => Reflect.apply(breaker.wrap, breaker, [undefined])).toThrow("operation must be a function");
  expect(breaker.stats()).toMatchObject({ state: "closed", calls: 0, rejected: 0 });
});

test("P24: a message holds at most 100 characters of a name, a key or a value", async () => {
  const long = "x".repeat(1_000_000);
  const breaker = new CircuitBreaker({ name: long });
  breaker.trip();
  const messages = [
    () => breaker.admit(),
    () => make({ [long]: 1 }),
    () => make({ failureThreshold: long }),
    () => make({ restore: { version: long } }),
    () => make({ restore: { [long]: 1 } }),
    () => make({ name: Symbol(long) }),
  ].map((act) => {
    try {
      act();
    } catch (error) {
      if (error instanceof Error) return error.message;
    }
    throw new Error("bug: it was to throw");
  });
  for (const message of messages) expect(message.match(/x+/)?.[0].length).toBeLessThanOrEqual(100);
  expect(messages[0]).toContain("xxx...");
});

test("a bigint is shown as one, not as the number that is asked for", () => {
  expect(() => Reflect.construct(CircuitBreaker, [{ minimumCalls: 10n }])).toThrow(
    "minimumCalls must be a positive integer, got 10n",
  );
});
