import { expect, onTestFinished, test, vi } from "vitest";
import { HostQuestions } from "../src/host-questions.js";

function ask() {
  const questions = new HostQuestions();
  const sent: { readonly id?: string; readonly method?: string; readonly params?: unknown }[] = [];
  const [unwanted, gone] = [new AbortController(), new AbortController()];
  const answered = questions.ask(
    { method: "roots/list" },
    { principal: "ann", send: (message) => sent.push(message), signal: unwanted.signal, gone: gone.signal },
  );
  return { questions, sent, unwanted, gone, answered, id: sent[0]?.id ?? "" };
}

const answerTo = (id: string) => ({ jsonrpc: "2.0", id, result: { roots: [] } }) as const;

test("G10: a question has an id that nobody can guess, and is answered once, by whom was asked", async () => {
  const { questions, sent, answered, id } = ask();
  expect(sent).toEqual([{ jsonrpc: "2.0", id, method: "roots/list" }]);
  expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(questions.answer(answerTo(id), "bob")).toBe(false);
  expect(questions.answer(answerTo(id), undefined)).toBe(false);
  expect(questions.answer(answerTo(id), "ann")).toBe(true);
  expect(questions.answer(answerTo(id), "ann")).toBe(false);
  expect(await answered).toEqual({ roots: [] });
});

test("G10: an error of a host passes with its code, words and data", async () => {
  const { questions, answered, id } = ask();
  const error = { code: -1, message: "No, thank you.", data: { why: "busy" } };
  questions.answer({ jsonrpc: "2.0", id, error }, "ann");
  await expect(answered).rejects.toMatchObject(error);
});

test("G10: a question that nobody wants answered any more is cancelled at the host", async () => {
  const { questions, sent, unwanted, answered, id } = ask();
  const reason = new Error("The call is over.");
  unwanted.abort(reason);
  await expect(answered).rejects.toBe(reason);
  const params = { requestId: id, reason: String(reason) };
  expect(sent.slice(1)).toEqual([{ jsonrpc: "2.0", method: "notifications/cancelled", params }]);
  expect(questions.answer(answerTo(id), "ann")).toBe(false);
});

test("G10: a host that goes away, and one that takes longer than 600 s, ends the question", async () => {
  const left = ask();
  left.gone.abort();
  await expect(left.answered).rejects.toMatchObject({ code: -32603, message: "The host has gone away." });

  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { answered, sent, id } = ask();
  const ended = expect(answered).rejects.toMatchObject({ message: "The host has not answered within 600 s." });
  await vi.advanceTimersByTimeAsync(599_999);
  expect(sent).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  await ended;
  expect(sent[1]).toMatchObject({ method: "notifications/cancelled", params: { requestId: id } });
});
