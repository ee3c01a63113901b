import { expect, test } from "vitest";
import { CircuitBreaker, type Outcome, type StateChange, type Verdict } from "../src/index.js";
import { down, succeed, thenable } from "./support.js";

test("B14: the same value and the same error object come back", async () => {
  const breaker = new CircuitBreaker();
  const value = { some: "thing" };
  expect(await breaker.execute(async () => value)).toBe(value);
  const error = Object.freeze(new Error("frozen"));
  await expect(breaker.execute(() => Promise.reject(error))).rejects.toBe(error);
  await expect(breaker.execute(() => Promise.reject(undefined))).rejects.toBe(undefined);
});

test("B14: a synchronous throw becomes a rejection; a plain value and a thenable are accepted", async () => {
  const breaker = new CircuitBreaker();
  const thrown = breaker.execute(() => {
    throw down;
  });
  await expect(thrown).rejects.toBe(down);
  expect(await breaker.execute(() => 42)).toBe(42);
  expect(await breaker.execute(() => thenable((resolve) => resolve("from afar")))).toBe("from afar");
  expect(breaker.stats()).toMatchObject({ successes: 2, failures: 1 });
});

test("B14: a classify that throws counts as a failure, and the call's own result reaches the caller", async () => {
  const breaker = new CircuitBreaker({
    failureThreshold: 3,
    classify: () => {
      throw new Error("broken judge");
    },
  });
  expect(await succeed(breaker)).toBe("up");
  expect(await succeed(breaker)).toBe("up");
  await expect(breaker.execute(() => Promise.reject(down))).rejects.toBe(down);
  expect(breaker.state).toBe("open");
});

test("B14: options that are an instance of a class keep their methods' this", async () => {
  class Judge {
    readonly failureThreshold = 1;
    readonly maxOpenMs = 60_000;
    readonly openMs = 1_000;
    #told: string[] = [];
    classify({ ok }: Outcome): Verdict {
      this.#told.push("classify");
      return ok ? "success" : "failure";
    }
    restFor(): number {
      this.#told.push("restFor");
      return 50_000;
    }
    onStateChange({ to }: StateChange): void {
      this.#told.push(to);
    }
    get told(): readonly string[] {
      return this.#told;
    }
  }
  const options = new Judge();
  const breaker = new CircuitBreaker(options);
  expect(await succeed(breaker)).toBe("up");
  await breaker.execute(() => Promise.reject(down)).catch(() => undefined);
  expect(options.told).toEqual(["classify", "classify", "restFor", "open"]);
  expect(breaker.retryAfterMs).toBeGreaterThan(40_000);
});

test("B14: a classify that gives a promise counts as a failure, and what the promise rejects with is nobody's", async () => {
  const asked = Promise.reject(new Error("an async judge"));
  const breaker = new CircuitBreaker({ classify: () => Reflect.get({ asked }, String("asked")) });
  expect(await succeed(breaker)).toBe("up");
  await new Promise((resolve) => setImmediate(resolve));
  expect(breaker.stats()).toMatchObject({ successes: 0, failures: 1 });
});

test("B14: classify is told value, error and duration, and a verdict it does not know is a failure", async () => {
  const outcomes: Outcome[] = [];
  const breaker = new CircuitBreaker({
    classify: (outcome) => {
      outcomes.push(outcome);
      return JSON.parse('"maybe"');
    },
  });
  await succeed(breaker);
  await breaker.execute(() => Promise.reject(down)).catch(() => undefined);
  const permit = breaker.admit();
  permit.failure("by hand");
  breaker.admit().success("by hand");
  expect(outcomes).toMatchObject([
    { ok: true, value: "up" },
    { ok: false, error: down },
    { ok: false, error: "by hand" },
    { ok: true, value: "by hand" },
  ]);
  expect(outcomes.every(({ durationMs }) => durationMs >= 0)).toBe(true);
  expect(breaker.stats().failures).toBe(4);
});

test("wrap passes the arguments on and returns what the operation returns", async () => {
  const breaker = new CircuitBreaker();
  const add = breaker.wrap(async (a: number, b: number) => a + b);
  expect(await add(20, 22)).toBe(42);
  expect(breaker.stats().successes).toBe(1);
});

test("a rejection that nobody handles stays visible to the runtime", async () => {
  const breaker = new CircuitBreaker();
  const seen = new Promise((resolve) => process.once("unhandledRejection", resolve));
  void breaker.execute(() => Promise.reject(down));
  expect(await seen).toBe(down);
});

test("B14: a promise of a kind of its own is taken at its word only once, and a plain one comes back", async () => {
  class Odd<T> extends Promise<T> {}
  const breaker = new CircuitBreaker();
  const result = breaker.execute(() => Odd.resolve("up"));
  expect(result).not.toBeInstanceOf(Odd);
  expect(await result).toBe("up");
  expect(breaker.stats()).toMatchObject({ calls: 1, successes: 1 });
});
