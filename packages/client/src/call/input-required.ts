import type { Call } from "../call.js";
import { type InputRequests, InputRequiredError } from "../input-required-error.js";
import type { ServerContext } from "../server-context.js";
import { orAborted } from "../session/abort.js";
import type { Answering } from "../session/answering.js";
import { answerIn, answerTo } from "../session/server-requests.js";
import { isObject } from "../untrusted.js";

const maxRounds = 10;
/** As many as a server of an older revision can ask at the same time. */
const maxQuestions = 32;
/** A server that only wants to be asked again is given a moment. */
const pauseMs = 250;
/** The methods that may be answered with a question. */
const methods: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

/** What is needed to answer what a server asks in the course of a call. */
export interface InputContext extends Answering {
  readonly server: string;
}

/** Who answers what a server asks in calls on behalf of a principal. */
export function inputContext(
  server: string,
  principal: string | undefined,
  { capabilities, onServerRequest }: Pick<ServerContext, "capabilities" | "onServerRequest">,
): InputContext {
  return { server, capabilities, handler: onServerRequest?.(server, principal) };
}

interface Question {
  readonly inputRequests: InputRequests;
  readonly requestState: string | undefined;
}

/**
 * Answers the question that a server answered a call with, and sends the call again with the answers, for as long as the
 * server asks for input (revision 2026-07-28). Each round is sent as a call of its own, so that what holds for repeating one
 * holds for it. Rejects with {@link InputRequiredError} where there is no answer; without anybody to ask, a call that
 * `showsInputRequired` is answered with the question as it is.
 */
export async function withInput(
  call: Call,
  firstAnswer: unknown,
  context: InputContext,
  send: (call: Call) => Promise<unknown>,
): Promise<unknown> {
  let answer = firstAnswer;
  for (let round = 1; ; round++) {
    const question = methods.has(call.method) ? questionIn(answer) : undefined;
    if (question === undefined) return answer;
    if (context.handler === undefined && call.showsInputRequired === true) return answer;
    if (context.handler === undefined) throw unanswered(call, context, question);
    if (round > maxRounds)
      throw unanswered(call, context, question, new RangeError(`the server asks in more than ${maxRounds} rounds`));
    const { inputResponses: _, requestState: __, ...params } = call.params ?? {};
    const inputResponses = await answersTo(question, call, context);
    const { requestState } = question;
    answer = await send({
      ...call,
      params: {
        ...params,
        ...(Object.keys(inputResponses).length > 0 && { inputResponses }),
        ...(requestState !== undefined && { requestState }),
      },
    });
  }
}

async function answersTo(
  question: Question,
  call: Call,
  { server, capabilities, handler }: InputContext,
): Promise<Record<string, unknown>> {
  const { deadline, method, target } = call;
  const asked = Object.entries(question.inputRequests);
  if (asked.length === 0) await deadline.wait(pauseMs);
  const round = new AbortController();
  const origin = { method, target, pause: () => deadline.pause() };
  const answering = { handler, capabilities: call.capabilities ?? capabilities };
  try {
    if (asked.length > maxQuestions) throw new RangeError(`the server asks ${asked.length} things at a time`);
    const answers = answerIn([origin], (asking) =>
      Promise.all(
        asked.map(async ([key, { method: what, params }]) => {
          const question = { method: what, params };
          return [key, await answerTo(question, answering, { signal: round.signal, call: asking })] as const;
        }),
      ),
    );
    return Object.fromEntries(await orAborted(answers, deadline));
  } catch (cause) {
    if (deadline.aborted) throw deadline.reason;
    throw unanswered(call, { server }, question, cause);
  } finally {
    round.abort(new Error("the answer is not wanted any more"));
  }
}

function unanswered(
  { what }: Call,
  { server }: Pick<InputContext, "server">,
  { inputRequests, requestState }: Question,
  cause?: unknown,
): InputRequiredError {
  return new InputRequiredError(server, what, { inputRequests, requestState, cause });
}

function questionIn(answer: unknown): Question | undefined {
  if (!isObject(answer) || answer.resultType !== "input_required") return undefined;
  const { inputRequests, requestState } = answer;
  const asked = Object.entries(isObject(inputRequests) ? inputRequests : {}).map(
    ([key, one]) => [key, isRequest(one) ? one : { method: "" }] as const,
  );
  return {
    inputRequests: Object.fromEntries(asked),
    requestState: typeof requestState === "string" ? requestState : undefined,
  };
}

function isRequest(value: unknown): value is InputRequests[string] {
  return isObject(value) && typeof value.method === "string";
}
