import type { Delivery } from "../../errors.js";
import { isObject, isSdkRpcError, messageOf } from "../../untrusted.js";
import type { Exchange } from "../exchange.js";
import { Failure } from "../failure.js";

const maxRetryAfterMs = 86_400_000;
const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
  "UND_ERR_CONNECT_TIMEOUT",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "ERR_SSL_WRONG_VERSION_NUMBER",
]);

/** Whether a failed `fetch` failed before anything was sent. */
export function isConnectFailure(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; isObject(at) && depth < 5; at = Reflect.get(at, "cause"), depth++) {
    const code = Reflect.get(at, "code");
    const syscall = Reflect.get(at, "syscall");
    // A host may become unreachable when it has been reached before.
    if (typeof code !== "string" || syscall === "read" || syscall === "write") continue;
    if (neverConnected.has(code) || code.startsWith("CERT_") || code.startsWith("ERR_TLS_")) return true;
    if (syscall === "connect") return true;
  }
  return false;
}

/** What is known of a refused request beside its status. */
export interface RefusedRequest {
  /** Whether it was sent in a session. */
  readonly hasSession: boolean;
  /** Whether the answer asks for credentials; undefined where that is not known. */
  readonly hasChallenge?: boolean | undefined;
}

/**
 * What a refused POST means. A 404 to a request in a session says that the session is no more, and a 405 that there is no
 * server any more that had one; others may mean the same.
 */
export function refusal(status: number, retryAfter: string | null, request: RefusedRequest): Failure {
  if ((status === 404 || status === 405) && request.hasSession) {
    return new Failure("session-lost", "the server does not know the session any more", {
      delivery: "not-sent",
      status,
      endsConnection: true,
    });
  }
  const retryAfterMs = parseRetryAfter(retryAfter);
  return new Failure("http", `the server answered with HTTP status ${status}`, {
    delivery: deliveryOf(status, retryAfterMs),
    status,
    retryAfterMs,
    doubtsSession: request.hasSession && mayMeanLost(status, retryAfterMs, request),
  });
}

/** Whether a refusal may mean that there is no such transport at a URL. */
export function isNoEndpoint(error: unknown): boolean {
  return error instanceof Failure && error.kind === "http" && [400, 404, 405].includes(error.status ?? 0);
}

/**
 * By any status servers say that they know no such session. One that asks for a login, or that says when to come back, speaks
 * of something else.
 */
function mayMeanLost(status: number, retryAfterMs: number | undefined, { hasChallenge }: RefusedRequest): boolean {
  if (status === 401 || status === 403) return hasChallenge === false;
  return status >= 300 && status !== 407 && status !== 429 && retryAfterMs === undefined;
}

/** A refusal says that nothing was run; what a gateway says of a server behind it does not. */
function deliveryOf(status: number, retryAfterMs: number | undefined): Delivery {
  if (status === 503) return retryAfterMs === undefined ? "sent" : "not-sent";
  return status < 500 && status !== 408 ? "not-sent" : "sent";
}

/** Milliseconds, from seconds or a date (RFC 9110), at most a day. */
export function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  const ms = /^\s*\d+\s*$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}

/**
 * What an error means that neither the wire nor the server's answer explains: by name, code, status and cause, which
 * SDK v1 and v2 keep, never by text or class.
 */
export function failureOf(error: unknown, exchange: Exchange, options: { readonly hasSession: boolean }): Failure {
  if (error instanceof Failure) return error;
  if (exchange.failure !== undefined) return exchange.failure;
  const { delivery } = exchange;
  if (exchange.answer === "error") return new Failure("rpc", messageOf(error), { delivery: "sent", cause: error });
  if (exchange.answer === "result") {
    return new Failure("invalid-result", "the answer is not a valid result", { delivery: "sent", cause: error });
  }
  if (isUnauthorizedError(error))
    return new Failure("application", "the user has to log in", { delivery: "not-sent", status: 401, cause: error });
  const status = statusOf(error);
  if (status !== undefined) return refusal(status, null, options);
  if (isConnectFailure(error))
    return new Failure("closed", "the server cannot be reached", { delivery: "not-sent", cause: error });
  if (isAnswer(error)) return new Failure("rpc", messageOf(error), { delivery: "sent", cause: error });
  const name = isObject(error) ? Reflect.get(error, "name") : undefined;
  if (name === "ZodError" || (isObject(error) && Reflect.get(error, "code") === "INVALID_RESULT")) {
    return new Failure("invalid-result", "the answer is not a valid result", { delivery: "sent", cause: error });
  }
  return new Failure("closed", "the connection was lost", { delivery, cause: error });
}

/** The SDK's own, of v1 or v2; v1 gives it no name. It is thrown before a request is sent, or where one was refused. */
function isUnauthorizedError(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; isObject(at) && depth < 5; at = Reflect.get(at, "cause"), depth++) {
    if (Reflect.get(at, "name") === "UnauthorizedError") return true;
    for (let of: unknown = Reflect.getPrototypeOf(at); isObject(of); of = Reflect.getPrototypeOf(of)) {
      if (Object.hasOwn(of, "constructor") && of.constructor.name === "UnauthorizedError") return true;
    }
  }
  return false;
}

function statusOf(error: unknown): number | undefined {
  if (!isObject(error)) return undefined;
  for (const value of [Reflect.get(error, "status"), Reflect.get(error, "code")]) {
    if (typeof value === "number" && value >= 300 && value < 600) return value;
  }
  return undefined;
}

/** The codes that the SDK gives its own errors of transport and time stand for no answer. */
function isAnswer(error: unknown): boolean {
  if (!isObject(error) || !isSdkRpcError(error)) return false;
  const { code } = error;
  return Number.isInteger(code) && code !== -32000 && code !== -32001;
}
