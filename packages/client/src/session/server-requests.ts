import type { ClientCapabilities, RequestId } from "@modelcontextprotocol/sdk/types.js";
import type { ServerRequestContext } from "../config/client-options.js";
import { isObject, textOf } from "../untrusted.js";
import type { Answering } from "./answering.js";
import type { CallOrigin } from "./connection.js";
import { quietly } from "./quietly.js";

/**
 * Runs what answers a server in one of the calls given. Where there is more than one, none of them is told, and the clocks
 * of all of them stop meanwhile, since any may be the one that waits.
 */
export async function answerIn<T>(
  calls: readonly CallOrigin[],
  answer: (call: ServerRequestContext["call"]) => Promise<T>,
): Promise<T> {
  const [only] = calls;
  const resumes = calls.map((call) => call.pause());
  try {
    return await answer(
      only !== undefined && calls.length === 1 ? { method: only.method, target: only.target } : undefined,
    );
  } finally {
    for (const resume of resumes) resume();
  }
}

/** What a server that is refused an answer is told. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const methodNotFound = -32601;
const invalidParams = -32602;
const internalError = -32603;

/**
 * Answers one request of a server, as far as the capabilities allow it. Rejects with {@link Refusal} where they do
 * not, and as the handler does.
 */
export async function answerTo(
  asked: { readonly method: string; readonly params: unknown },
  { capabilities, handler }: Answering,
  context: ServerRequestContext,
): Promise<Record<string, unknown>> {
  const { method, params } = asked;
  if (handler === undefined || !isDeclared(method, capabilities))
    throw new Refusal(methodNotFound, `the client does not answer ${method.slice(0, 100)}`);
  if (method === "elicitation/create") checkMode(params, capabilities.elicitation);
  const answer = await handler(method, params, context);
  if (!isObject(answer)) throw new Refusal(internalError, "the client has no answer");
  return method === "elicitation/create" ? withDefaults(answer, params, capabilities) : answer;
}

function isDeclared(method: string, { elicitation, sampling, roots }: ClientCapabilities): boolean {
  switch (method) {
    case "elicitation/create":
      return elicitation !== undefined;
    case "sampling/createMessage":
      return sampling !== undefined;
    case "roots/list":
      return roots !== undefined;
    default:
      return false;
  }
}

/** A client that declares no mode means forms. */
function checkMode(params: unknown, declared: ClientCapabilities["elicitation"]): void {
  const mode = isObject(params) && params.mode !== undefined ? params.mode : "form";
  const { form, url } = declared ?? {};
  const isAllowed = mode === "url" ? url !== undefined : mode === "form" && (form !== undefined || url === undefined);
  if (!isAllowed)
    throw new Refusal(invalidParams, `the client does not answer elicitation of mode ${textOf(mode).slice(0, 100)}`);
}

/** With the defaults of a form where the client declares that it fills them in (SEP-1034). */
function withDefaults(
  answer: Record<string, unknown>,
  params: unknown,
  { elicitation }: ClientCapabilities,
): Record<string, unknown> {
  const schema = isObject(params) ? params.requestedSchema : undefined;
  if (elicitation?.form?.applyDefaults !== true || answer.action !== "accept") return answer;
  if (!isObject(schema) || !isObject(schema.properties)) return answer;
  const given = isObject(answer.content) ? answer.content : {};
  const defaults = Object.entries(schema.properties).flatMap(([key, property]) =>
    isObject(property) && property.default !== undefined ? [[key, property.default] as const] : [],
  );
  const answered = Object.entries(given).filter(([, value]) => value !== undefined);
  // A property may have any name, `__proto__` too.
  return { ...answer, content: Object.fromEntries([...defaults, ...answered]) };
}

/** What a server is told in answer to its request. */
export type RpcOutcome =
  | { readonly result: Record<string, unknown> }
  | { readonly error: { readonly code: number; readonly message: string } };

/** Answers the JSON-RPC requests of the server on one connection. */
export class ServerRequests {
  readonly #answering: Answering;
  readonly #answer: (id: RequestId, outcome: RpcOutcome) => void;
  readonly #open = new Map<RequestId, AbortController>();

  constructor(answering: Answering, answer: (id: RequestId, outcome: RpcOutcome) => void) {
    this.#answering = answering;
    this.#answer = answer;
  }

  /** A request has arrived, in the course of one of `calls`. */
  receive(
    { id, method, params }: { readonly id: RequestId; readonly method: string; readonly params?: unknown },
    calls: readonly CallOrigin[],
  ): void {
    if (method === "ping") this.#answer(id, { result: {} });
    else this.#begin(id, method, params, calls);
  }

  #begin(id: RequestId, method: string, params: unknown, calls: readonly CallOrigin[]): void {
    const controller = new AbortController();
    this.#open.set(id, controller);
    const { signal } = controller;
    answerIn(calls, (call) => answerTo({ method, params }, this.#answering, { signal, call }))
      .then(
        (result) => ({ result }),
        (error: unknown) => ({ error: { code: rpcCodeOf(error), message: rpcMessageOf(error) } }),
      )
      .then((outcome) => {
        if (this.#open.get(id) === controller) this.#open.delete(id);
        if (!signal.aborted) this.#answer(id, outcome);
      })
      // The application's answer cannot be written as JSON: the server gets an error instead.
      .catch(() => this.#answer(id, { error: { code: internalError, message: "the client has no answer" } }));
  }

  /** The server does not want an answer any more. */
  cancel(params: unknown): void {
    const id: unknown = isObject(params) ? params.requestId : undefined;
    if (typeof id !== "string" && typeof id !== "number") return;
    const controller = this.#open.get(id);
    this.#open.delete(id);
    quietly(() => controller?.abort(new Error("the server does not want an answer any more")));
  }

  /** The connection has ended. */
  close(): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const controller of open) quietly(() => controller.abort(new Error("the connection has ended")));
  }
}

function rpcCodeOf(error: unknown): number {
  const code: unknown = isObject(error) ? error.code : undefined;
  return Number.isSafeInteger(code) ? Number(code) : internalError;
}

function rpcMessageOf(error: unknown): string {
  return error instanceof Error && error.message !== "" ? error.message : "the client has no answer";
}
