import type { Call } from "./call.js";
import type { ListName } from "./interfaces.js";
import { capabilityOf, methodOf } from "./lists/list-names.js";

/** A request as a user means it. */
export interface Request {
  readonly method: string;
  readonly params?: Record<string, unknown> | undefined;
  /** The tool or prompt that is asked for. */
  readonly target?: string | undefined;
  readonly what: string;
  readonly isSafe: boolean;
  readonly needs?: Call["needs"];
  readonly showsInputRequired?: Call["showsInputRequired"];
}

/** How an answer is taken: what it is for the user, and what it is called in events where it tells of an error. */
export type Take<T> = (answer: unknown) => { readonly value: T; readonly errorType?: string | undefined };

/** A request, and how its answer is taken. */
export interface KnownRequest<T> {
  readonly request: Request;
  readonly take: Take<T>;
}

/** The parameters with more members of `_meta`, the later above the earlier. */
export function withMeta(
  params: Request["params"],
  ...more: readonly (Readonly<Record<string, unknown>> | undefined)[]
): Request["params"] {
  if (more.every((one) => one === undefined)) return params;
  const meta = params?._meta;
  return { ...params, _meta: Object.assign({}, typeof meta === "object" ? meta : undefined, ...more) };
}

/** Asks for a page of a list, the first one without a cursor. A server that does not declare the list is not asked: it is empty. */
export function listRequest(list: ListName): Request {
  const method = methodOf(list);
  return {
    method,
    what: method,
    isSafe: true,
    needs: { capability: capabilityOf(list), otherwise: { [list]: [] } },
  };
}

/** The same request for the page that begins at a cursor. */
export function withCursor<R extends Pick<Request, "params">>(request: R, cursor: string): R {
  return { ...request, params: { ...request.params, cursor } };
}
