import { describe, expect, test } from "vitest";
import type { ChaosServer } from "../src/index.js";
import { askModern, everything, modernCall, startModern } from "./modern-support.js";

const replies: Record<string, unknown> = {
  "elicitation/create": { action: "accept", content: { answer: "yes" } },
  "sampling/createMessage": { role: "assistant", model: "m", content: { type: "text", text: "ok" } },
  "roots/list": { roots: [{ uri: "file:///tmp" }] },
};

/** The text of a result's first content. */
function textIn(result: Record<string, unknown> | undefined): string {
  const content = Array.isArray(result?.content) ? result.content : [];
  return content[0]?.text;
}

/** Answers every question until the call is complete; tells the questions of each round. */
async function drive(server: ChaosServer, name: string, args: Record<string, unknown>) {
  const rounds: string[][] = [];
  let more: Record<string, unknown> = {};
  for (let id = 1; ; id += 1) {
    const { answer } = await askModern(server, modernCall(id, name, args, more, everything));
    const { resultType, inputRequests = {}, requestState } = answer.result ?? {};
    if (resultType !== "input_required") return { rounds, answer };
    const asked = Object.entries(inputRequests as Record<string, { method: string }>);
    rounds.push(asked.map(([, { method }]) => method));
    const inputResponses = Object.fromEntries(asked.map(([key, { method }]) => [key, replies[method]]));
    more = { requestState, ...(asked.length > 0 && { inputResponses }) };
  }
}

test("M19: elicitation, sampling and roots are asked for in a result, and their answers reach the tool", async () => {
  await using server = await startModern();
  for (const [tool, args, method] of [
    ["elicit", { message: "sure?" }, "elicitation/create"],
    ["sample", { prompt: "hi" }, "sampling/createMessage"],
    ["roots", {}, "roots/list"],
  ] as const) {
    const { rounds, answer } = await drive(server, tool, args);
    expect(rounds).toEqual([[method]]);
    expect(answer.result).toMatchObject({
      resultType: "complete",
      content: [{ text: JSON.stringify(replies[method]) }],
    });
  }
});

test("M19: several rounds, several questions in one, and rounds of nothing but a state", async () => {
  await using server = await startModern();
  const { rounds, answer } = await drive(server, "ask", {
    kinds: ["elicitation", "url", "sampling", "roots"],
    rounds: 3,
  });
  const methods = ["elicitation/create", "elicitation/create", "sampling/createMessage", "roots/list"];
  expect(rounds).toEqual([methods, methods, methods]);
  const text = textIn(answer.result);
  expect(JSON.parse(text)).toHaveLength(3);
  expect(JSON.parse(text)[2]).toMatchObject({ "round3-3-roots": replies["roots/list"] });
  expect((await drive(server, "ask", { kinds: [], rounds: 2 })).rounds).toEqual([[], []]);
});

test("M19: what is answered in part is kept, and only the rest is asked for again", async () => {
  await using server = await startModern();
  const args = { kinds: ["elicitation", "roots"] };
  const ask = async (more: object) =>
    (await askModern(server, modernCall(1, "ask", args, { ...more }, everything))).answer.result;
  const first = await ask({});
  const inputResponses = { "round1-1-roots": replies["roots/list"], "round9-9-unasked": {} };
  const second = await ask({ requestState: first?.requestState, inputResponses });
  expect(Object.keys(second?.inputRequests as object)).toEqual(["round1-0-elicitation"]);
  const last = await ask({
    requestState: second?.requestState,
    inputResponses: { "round1-0-elicitation": { action: "decline" } },
  });
  expect(last?.resultType).toBe("complete");
  const text = textIn(last);
  expect(JSON.parse(text)).toEqual([
    { "round1-1-roots": replies["roots/list"], "round1-0-elicitation": { action: "decline" } },
  ]);
});

test("M19: a state that was changed, or is of another request, is refused", async () => {
  await using server = await startModern();
  const first = (await askModern(server, modernCall(1, "elicit", { message: "a" }, {}, everything))).answer.result;
  const state = String(first?.requestState);
  for (const [requestState, message] of [
    [`${state}x`, "a"],
    [state.slice(1), "a"],
    [7, "a"],
    [state, "b"],
  ] as const) {
    const more = { requestState, inputResponses: { answer: replies["elicitation/create"] } };
    const { status, answer } = await askModern(server, modernCall(2, "elicit", { message }, more, everything));
    expect([status, answer.error?.code]).toEqual([200, -32602]);
  }
});

describe("M19: a question that the client cannot answer is -32021 with what it lacks", () => {
  test.each([
    ["elicitation", {}, { elicitation: { form: {} } }],
    ["elicitation", { elicitation: { url: {} } }, { elicitation: { form: {} } }],
    ["elicitation", { elicitation: {} }, undefined],
    ["url", { elicitation: {} }, { elicitation: { url: {} } }],
    ["url", { elicitation: { url: {} } }, undefined],
    ["sampling", { roots: {} }, { sampling: {} }],
    ["roots", {}, { roots: {} }],
    ["roots", { roots: {} }, undefined],
  ] as const)("%s of %j: %j", async (kind, capabilities, requiredCapabilities) => {
    await using server = await startModern({ faults: { reply: "sse" } });
    const { status, answer } = await askModern(server, modernCall(1, "ask", { kinds: [kind] }, {}, capabilities));
    if (requiredCapabilities === undefined) expect(answer.result?.resultType).toBe("input_required");
    else expect([status, answer.error]).toMatchObject([400, { code: -32021, data: { requiredCapabilities } }]);
  });
});
