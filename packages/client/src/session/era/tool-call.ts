import { isObject } from "../../untrusted.js";
import { Exchange } from "../exchange.js";
import type { Failure } from "../failure.js";
import { ignore } from "../quietly.js";
import { headerMismatch, isRpc } from "./protocol-errors.js";
import type { ToolHeaders } from "./tool-headers.js";

const maxPages = 1_000;

/** One call of a tool, by whatever it is sent. */
export interface ToolCall {
  readonly tool: unknown;
  readonly toolHeaders: ToolHeaders;
  /** Sends the call with the headers that are known by now. Returns what takes it back. */
  readonly send: (exchange: Exchange) => () => void;
  /** Asks for a page of the tools, the first one without a cursor. */
  readonly list: (cursor: string | undefined) => Promise<unknown>;
}

/**
 * Sends a call of a tool by revision 2026-07-28 over HTTP. One whose headers were wrong was not run: the tools are listed
 * anew, and it is sent once more. Returns what takes it back.
 */
export function sendToolCall(call: ToolCall, outer: Exchange): () => void {
  let cancel = ignore;
  const send = (onFailed: (failure: Failure) => void): void => {
    cancel = call.send(following(outer, { onResult: (result) => outer.resolve(result), onFailed }));
  };
  send((failure) => {
    if (!isRpc(failure, headerMismatch) || outer.isOver) return outer.reject(failure);
    relist(call).then(
      () => {
        if (!outer.isOver) send((second) => outer.reject(second));
      },
      () => outer.reject(failure),
    );
  });
  return () => cancel();
}

/** A list leaves out the tools that cannot be called properly. */
export function sendToolList(toolHeaders: ToolHeaders, send: ToolCall["send"], outer: Exchange): () => void {
  return send(
    following(outer, {
      onResult: (page) => outer.resolve(toolHeaders.note(page)),
      onFailed: (failure) => outer.reject(failure),
    }),
  );
}

/** Lists the tools until the one that is wanted has come by. */
async function relist({ tool, toolHeaders, list }: ToolCall): Promise<void> {
  let cursor: string | undefined;
  for (let count = 0; count < maxPages; count++) {
    const page = await list(cursor);
    toolHeaders.note(page);
    if (!isObject(page) || typeof page.nextCursor !== "string" || page.nextCursor === cursor) return;
    if (Array.isArray(page.tools) && page.tools.some((one) => isObject(one) && one.name === tool)) return;
    cursor = page.nextCursor;
  }
}

/** An exchange for one of several requests that stand for one: it tells `outer` all but its end. */
export function following(
  outer: Exchange,
  ends: { readonly onResult: (result: unknown) => void; readonly onFailed: (failure: Failure) => void },
): Exchange {
  return new Exchange({
    ...ends,
    onStarted: () => outer.markStarted(),
    onSent: () => outer.markSent(),
    onProgress: outer.onProgress,
    call: outer.call,
  });
}
