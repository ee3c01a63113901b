import { createHash } from "node:crypto";
import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { Question, RequestContext } from "../features/tool.js";
import { isJsonObject, type JsonObject, objectOf } from "../json.js";
import { ModernError, modernCodes } from "./modern-error.js";

/** Thrown through a tool that has asked: the request is answered with `input_required`, and comes again with answers. */
export class InputRequired extends Error {
  readonly result: JsonObject;

  constructor(result: JsonObject) {
    super("the client is asked");
    this.result = result;
  }
}

/**
 * What `ask` is for one request of the modern era.
 *
 * A tool runs from its beginning each time the request comes. The answers so far travel in `requestState`, one element
 * per round, for the server keeps nothing; the last element is that of the round that is open.
 *
 * @throws McpError -32602 where `requestState` was not made by this server for this tool and these arguments
 */
export function asker(params: JsonObject, clientCapabilities: JsonObject): RequestContext["ask"] {
  const rounds = params.requestState === undefined ? [] : readState(params.requestState, params);
  const answered: JsonObject[] = [];
  return async (questions) => {
    const keys = Object.keys(questions);
    const index = answered.length;
    const isOpen = index === rounds.length - 1;
    const fresh = isOpen ? pick(objectOf(params.inputResponses), keys) : {};
    const answers = { ...rounds[index], ...fresh };
    const open = keys.filter((key) => !Object.hasOwn(answers, key));
    if (index < rounds.length && open.length === 0) {
      answered.push(answers);
      return answers;
    }
    const inputRequests = Object.fromEntries(
      open.map((key) => [key, inputRequest(questions[key], clientCapabilities)]),
    );
    throw new InputRequired({
      resultType: "input_required",
      ...(open.length > 0 && { inputRequests }),
      requestState: writeState([...answered, answers], params),
    });
  };
}

function inputRequest(question: Question | undefined, clientCapabilities: JsonObject): JsonObject {
  if (question === undefined) throw new Error("bug: a key without a question");
  const { method, params = {} } = question;
  const required = requiredCapability(question);
  if (!hasAll(clientCapabilities, required)) {
    const message = `Missing required client capability: ${JSON.stringify(required)}`;
    throw new ModernError(modernCodes.missingCapability, 400, message, { requiredCapabilities: required });
  }
  // The id of a visit belongs to the legacy era.
  const { elicitationId: _, ...rest } = params;
  return { method, ...(question.params !== undefined && { params: rest }) };
}

function requiredCapability({ method, params }: Question): JsonObject {
  if (method === "sampling/createMessage") return { sampling: {} };
  if (method === "roots/list") return { roots: {} };
  return { elicitation: params?.mode === "url" ? { url: {} } : { form: {} } };
}

function hasAll(declared: JsonObject, { elicitation, ...others }: JsonObject): boolean {
  if (Object.keys(others).some((name) => !isJsonObject(declared[name]))) return false;
  if (!isJsonObject(elicitation)) return true;
  const modes = declared.elicitation;
  if (!isJsonObject(modes)) return false;
  // An empty object means forms only.
  return Object.keys(elicitation).every(
    (mode) => mode in modes || (mode === "form" && Object.keys(modes).length === 0),
  );
}

function pick(from: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(from, key)).map((key) => [key, from[key]]));
}

function writeState(rounds: readonly JsonObject[], params: JsonObject): string {
  const json = JSON.stringify(rounds);
  return `${Buffer.from(json).toString("base64")}.${digest(json, params)}`;
}

function readState(state: unknown, params: JsonObject): readonly JsonObject[] {
  const [coded = "", seal] = String(state).split(".");
  const json = Buffer.from(coded, "base64").toString("utf8");
  if (typeof state !== "string" || seal !== digest(json, params)) {
    throw new McpError(ErrorCode.InvalidParams, "requestState is not the one that was given for this request");
  }
  const rounds: unknown = JSON.parse(json);
  return Array.isArray(rounds) ? rounds.map(objectOf) : [];
}

/** Not a secret: it finds mistakes, and every replica makes the same. */
function digest(json: string, { name, arguments: args }: JsonObject): string {
  return createHash("sha256")
    .update(JSON.stringify([json, name, args]))
    .digest("hex")
    .slice(0, 16);
}
