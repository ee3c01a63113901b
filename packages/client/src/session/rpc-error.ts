import { isObject } from "../untrusted.js";

const internalError = -32_603;

/** An error of JSON-RPC. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * The error that an answer tells. One that is not written as it should be is an error all the same, with the words that there
 * are; undefined where it is neither an object nor text.
 */
export function rpcErrorFrom(error: unknown): RpcError | undefined {
  if (typeof error === "string") return { code: internalError, message: error };
  if (!isObject(error)) return undefined;
  const { code, message, data } = error;
  const number = typeof code === "string" && code.trim() !== "" ? Number(code) : code;
  return {
    code: typeof number === "number" && Number.isInteger(number) ? number : internalError,
    message: typeof message === "string" ? message : textOf(message ?? error),
    ...(data !== undefined && { data }),
  };
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value); // Whole: secrets are found in it before it is cut.
  } catch {
    return "an error that is nested too deeply to be told"; // It would have to be written to be told.
  }
}
