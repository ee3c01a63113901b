import { isObject } from "../../untrusted.js";
import type { Failure } from "../failure.js";

/** The errors that revision 2026-07-28 gives a meaning: with any of them nothing was run. */
export const headerMismatch = -32020;
export const missingCapability = -32021;
export const unsupportedVersion = -32022;

/** Whether a failure is the server's own error of this code. */
export function isRpc({ kind, cause }: Failure, code: number): boolean {
  return kind === "rpc" && typeof cause === "object" && cause !== null && Reflect.get(cause, "code") === code;
}

/** The revisions that a server names which refuses the one it was spoken to in; undefined where it does not. */
export function supportedIn(failure: Failure): readonly string[] | undefined {
  if (!isRpc(failure, unsupportedVersion)) return undefined;
  const data: unknown = isObject(failure.cause) ? failure.cause.data : undefined;
  return isObject(data) && Array.isArray(data.supported) ? data.supported.filter(isText) : undefined;
}

/** Whether a server refuses the revision that was agreed upon with it: it has been replaced by another since. */
export function isReplaced(failure: Failure, spoken: string | undefined): boolean {
  const supported = spoken === undefined ? undefined : supportedIn(failure);
  return supported !== undefined && !supported.some((one) => one === spoken);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
