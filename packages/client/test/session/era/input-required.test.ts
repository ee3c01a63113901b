import { describe, expect, test } from "vitest";
import { InputRequiredError, type ServerRequest } from "../../../src/index.js";
import { rejection, start, statusOf, until } from "../../support.js";
import { count, quick, textOf } from "../../support-client.js";
import { eraChaos, transports } from "./modern-chaos.js";

const timeout = 60_000;
const policy = { callTimeoutMs: 50_000, connectTimeoutMs: 50_000, retry: quick } as const;
const capabilities = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

/** Answers all that a server of chaos asks. */
async function answer({ method }: ServerRequest): Promise<unknown> {
  if (method === "roots/list") return { roots: [{ uri: "file:///project" }] };
  if (method === "sampling/createMessage")
    return { role: "assistant", model: "none", content: { type: "text", text: "sampled" } };
  return { action: "accept", content: { answer: "yes" } };
}

describe.each(transports)("a server over %s that asks", (transport) => {
  test("M19: is answered in each of several rounds, with all that it asks in one", { timeout }, async () => {
    const server = await eraChaos(transport);
    const asked: unknown[] = [];
    const { client } = start(
      { chaos: { ...server.config, ...policy } },
      {
        capabilities,
        onServerRequest: (request, { call }) => {
          asked.push([request.method, request.principal, call]);
          return answer(request);
        },
      },
    );
    const args = { kinds: ["elicitation", "sampling", "roots", "url"], rounds: 3 };
    const result = await client.callTool("chaos", "ask", args, { principal: "ann" });
    const rounds: readonly Record<string, unknown>[] = JSON.parse(textOf(result));
    expect(rounds.map((round) => Object.keys(round).length)).toEqual([4, 4, 4]);
    expect(rounds[2]).toMatchObject({ "round3-2-roots": { roots: [{ uri: "file:///project" }] } });
    expect(asked).toHaveLength(12);
    expect(asked[0]).toEqual(["elicitation/create", "ann", { method: "tools/call", target: "ask" }]);
    expect(count(server.journal(), "request", { tool: "ask" })).toBe(4);
  });

  test("M19: a server that only wants to be asked again with its state is", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } }, { onServerRequest: answer });
    expect(JSON.parse(textOf(await client.callTool("chaos", "ask", { kinds: [], rounds: 2 })))).toEqual([{}, {}]);
    expect(count(server.journal(), "request", { tool: "ask" })).toBe(3);
  });

  test("M19: one that asks without end is an InputRequiredError", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } }, { capabilities, onServerRequest: answer });
    const failed = client.callTool("chaos", "ask", { kinds: ["roots"], rounds: 1_000_000 });
    const error = await rejection(failed);
    expect(error).toBeInstanceOf(InputRequiredError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/got none: the server asks in more than 10 rounds\.$/),
    });
    expect(count(server.journal(), "request", { tool: "ask" })).toBe(11);
  });

  test("M19: without anybody to answer it is an InputRequiredError, and no failure of the server", {
    timeout,
  }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } }, { capabilities });
    const error = await rejection(client.callTool("chaos", "ask", { kinds: ["elicitation"] }));
    expect(error).toBeInstanceOf(InputRequiredError);
    expect(error).toMatchObject({
      code: "ERR_MCP_INPUT_REQUIRED",
      inputRequests: { "round1-0-elicitation": { method: "elicitation/create" } },
      requestState: expect.any(String),
    });
    expect(statusOf(client, "chaos").breaker).toMatchObject({ state: "closed", failures: 0 });
    expect(count(server.journal(), "request", { tool: "ask" })).toBe(1);
  });

  test("M19: request() returns the question as it is and takes the answers", { timeout }, async () => {
    const server = await eraChaos(transport);
    const { client } = start({ chaos: { ...server.config, ...policy } }, { capabilities });
    const params = { name: "ask", arguments: { kinds: ["roots"] } };
    const question = await client.request("chaos", "tools/call", params);
    expect(question).toMatchObject({
      resultType: "input_required",
      inputRequests: { "round1-0-roots": { method: "roots/list" } },
    });
    const requestState = Reflect.get(Object(question), "requestState");
    const inputResponses = { "round1-0-roots": { roots: [{ uri: "file:///mine" }] } };
    const result = await client.request("chaos", "tools/call", { ...params, requestState, inputResponses });
    expect(result).toMatchObject({ resultType: "complete" });
    expect(textOf(Object(result))).toContain("file:///mine");
  });

  test("M19: what nobody could answer has the reason as its cause", { timeout }, async () => {
    const server = await eraChaos(transport);
    const cause = new Error("the user has left");
    const { client } = start(
      { chaos: { ...server.config, ...policy } },
      { capabilities, onServerRequest: () => Promise.reject(cause) },
    );
    const error = await rejection(client.callTool("chaos", "elicit", { message: "Who?" }));
    expect(error).toBeInstanceOf(InputRequiredError);
    expect(error).toMatchObject({ cause });
  });

  test("M13: an abort while the answer is sought rejects at once and aborts the one who seeks it", {
    timeout,
  }, async () => {
    const server = await eraChaos(transport);
    const abort = new AbortController();
    let seeking: AbortSignal | undefined;
    const { client } = start(
      { chaos: { ...server.config, ...policy } },
      {
        capabilities,
        onServerRequest: (_request, { signal }) => {
          seeking = signal;
          return new Promise(() => {});
        },
      },
    );
    const failed = rejection(client.callTool("chaos", "elicit", { message: "Who?" }, { signal: abort.signal }));
    await until(() => seeking !== undefined, "the question was asked");
    abort.abort(new Error("enough"));
    expect(await failed).toMatchObject({ message: "enough" });
    expect(seeking?.aborted).toBe(true);
  });
});
