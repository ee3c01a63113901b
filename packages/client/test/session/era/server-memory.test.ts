import { expect, test } from "vitest";
import { ServerMemory } from "../../../src/session/era/server-memory.js";
import { greeting } from "./parts.js";

const never = new AbortController().signal;

test("M19: while one connection asks a server of which nothing is known, the others wait, and one of them asks next", async () => {
  const memory = new ServerMemory();
  const first = await memory.eraTurn.take(never);
  const order: string[] = [];
  const second = memory.eraTurn.take(never).then((end) => {
    order.push("second");
    return end;
  });
  const third = memory.eraTurn.take(never).then((end) => {
    order.push("third");
    return end;
  });
  await Promise.resolve();
  expect(order).toEqual([]);
  // Nothing came of it: it is the turn of one other, not of all.
  first();
  const end = await second;
  expect(order).toEqual(["second"]);
  memory.noteEra("legacy");
  end();
  (await third)();
  expect(order).toEqual(["second", "third"]);
  // Once the era is known nobody waits.
  (await memory.eraTurn.take(never))();
});

test("M2: who waits for another to ask leaves with the reason of its abort", async () => {
  const memory = new ServerMemory();
  await memory.eraTurn.take(never);
  const given = new AbortController();
  const waiting = memory.eraTurn.take(given.signal);
  given.abort(new Error("not wanted"));
  await expect(waiting).rejects.toThrow("not wanted");
});

test("M19: one connection of each principal holds the subscription; the next takes it when that one leaves", () => {
  const memory = new ServerMemory();
  const told: string[] = [];
  const leaveFirst = memory.subscriber("a", () => told.push("first"));
  const leaveSecond = memory.subscriber("a", () => told.push("second"));
  const leaveThird = memory.subscriber("a", () => told.push("third"));
  memory.subscriber("b", () => told.push("other"));
  expect(told).toEqual(["first", "other"]);
  // Who does not hold it leaves without consequence.
  leaveSecond();
  expect(told).toEqual(["first", "other"]);
  leaveFirst();
  expect(told).toEqual(["first", "other", "third"]);
  leaveThird();
  expect(told).toEqual(["first", "other", "third"]);
});

test("M19: of very many principals those without a connection are forgotten, and those with one are not", () => {
  const memory = new ServerMemory();
  memory.subscriber("connected", () => {});
  memory.noteGreeting("connected", greeting());
  memory.noteGreeting("gone", greeting());
  for (let index = 0; index < 1_000; index += 1) memory.noteGreeting(`principal ${index}`, greeting());
  expect(memory.greetingFor("connected")).toBeDefined();
  expect(memory.greetingFor("gone")).toBeUndefined();
  expect(memory.greetingFor("principal 999")).toBeDefined();
});

test("M19: what turned out to be wrong is forgotten for every principal, and asked again", () => {
  const memory = new ServerMemory();
  memory.noteEra("modern");
  memory.noteGreeting("a", greeting());
  memory.noteGreeting(undefined, greeting());
  memory.forget();
  expect(memory.era).toBeUndefined();
  expect(memory.greetingFor("a")).toBeUndefined();
  expect(memory.greetingFor(undefined)).toBeUndefined();
});

test("M19: a server that fails when it is asked may be of an older revision only if it fails again and never was a modern one", () => {
  const older = new ServerMemory();
  expect([older.failedAtQuestion(), older.failedAtQuestion()]).toEqual([false, true]);
  const modern = new ServerMemory();
  modern.noteEra("modern");
  expect([modern.failedAtQuestion(), modern.failedAtQuestion(), modern.failedAtQuestion()]).toEqual([
    false,
    false,
    false,
  ]);
});

test("M5, M19: a process that ends when it is asked is greeted; one that ends whatever it is told is asked and greeted in turn", () => {
  const memory = new ServerMemory();
  expect(memory.endedEarly()).toBe(true);
  expect(memory.startsWithHandshake).toBe(true);
  // The handshake did not help either.
  expect(memory.endedEarly()).toBe(false);
  expect(memory.startsWithHandshake).toBe(false);
  expect(memory.endedEarly()).toBe(false);
  expect(memory.startsWithHandshake).toBe(true);
  memory.noteEra("legacy");
  expect(memory.era).toBe("legacy");
  // What is known to be of an era and ends is no riddle.
  expect(memory.endedEarly()).toBe(false);
});
