import type { JSONRPCErrorResponse, JSONRPCResultResponse } from "@modelcontextprotocol/server";
import { isRecord } from "./is-record.js";

/** The id of a request; MCP knows no other types. */
export type RequestId = string | number;

/** What a host answers to a question. */
export type HostAnswer = JSONRPCResultResponse | JSONRPCErrorResponse;

/** A message of JSON-RPC 2.0 as MCP has it. */
export type JsonRpcMessage =
  | {
      readonly kind: "request";
      readonly id: RequestId;
      readonly method: string;
      readonly params: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: "notification" }
  | { readonly kind: "response"; readonly answer: HostAnswer };

/** Reads a message; undefined where it is none. */
export function jsonRpcMessage(value: unknown): JsonRpcMessage | undefined {
  if (!isRecord(value) || value.jsonrpc !== "2.0") return undefined;
  const { id, method, params = {}, result, error } = value;
  if (typeof method === "string") {
    if (!isRecord(params)) return undefined;
    if (id === undefined) return { kind: "notification" };
    return isId(id) ? { kind: "request", id, method, params } : undefined;
  }
  if (!isId(id)) return undefined;
  if (isRecord(result)) return { kind: "response", answer: { jsonrpc: "2.0", id, result } };
  if (!isRecord(error) || !Number.isInteger(error.code) || typeof error.message !== "string") return undefined;
  const { code, message, data } = error;
  return { kind: "response", answer: { jsonrpc: "2.0", id, error: { code: Number(code), message, data } } };
}

function isId(value: unknown): value is RequestId {
  return typeof value === "string" || Number.isInteger(value);
}

/** The id of a line that is refused, where it is a request: a response may have one of the receiver's own. Else null. */
export function requestIdOf(line: Buffer): RequestId | null {
  const value: unknown = JSON.parse(String(line));
  return isRecord(value) && value.method !== undefined && isId(value.id) ? value.id : null;
}
