import { randomUUID } from "node:crypto";
import type {
  JSONRPCErrorResponse,
  JSONRPCMessage,
  JSONRPCResultResponse,
  Transport,
} from "@modelcontextprotocol/server";
import { isRecord } from "./is-record.js";

/** What a host answers to a question. */
export type Answer = JSONRPCResultResponse | JSONRPCErrorResponse;

interface Open {
  readonly principal: string | undefined;
  readonly answer: (message: Answer) => void;
}

/**
 * What hosts of the older revisions were asked over HTTP and have not answered yet. An answer is a POST of its own and
 * names nothing but the id of the question, so that each id is one that nobody can guess; only who was asked may answer.
 * A question that was asked by another replica is unknown here.
 */
export class HostQuestions {
  readonly #open = new Map<string, Open>();

  /**
   * Gives the questions that go out over a transport ids of their own. The function that it gives back ends those that
   * are still open: nobody can be heard any more.
   */
  watch(transport: Transport, principal: string | undefined): () => void {
    const own = new Map<unknown, string>();
    const send = transport.send.bind(transport);
    transport.send = (message, options) => send(this.#outgoing(message, own, transport, principal), options);
    return () => {
      const error = { code: -32603, message: "The host has gone away." };
      for (const id of [...own.values()]) this.#open.get(id)?.answer({ jsonrpc: "2.0", id, error });
    };
  }

  /** Passes an answer on to whoever asked. False where nobody has asked this principal. */
  answer(message: Answer, principal: string | undefined): boolean {
    const open = this.#open.get(String(message.id));
    if (open === undefined || open.principal !== principal) return false;
    open.answer(message);
    return true;
  }

  #outgoing(
    message: JSONRPCMessage,
    own: Map<unknown, string>,
    transport: Transport,
    principal: string | undefined,
  ): JSONRPCMessage {
    if (!("method" in message)) return message;
    if ("id" in message) {
      const id = randomUUID();
      own.set(message.id, id);
      const answer = (answered: Answer): void => {
        this.#open.delete(id);
        own.delete(message.id);
        transport.onmessage?.({ ...answered, id: message.id });
      };
      this.#open.set(id, { principal, answer });
      return { ...message, id };
    }
    const { params } = message;
    const id = isRecord(params) ? own.get(params.requestId) : undefined;
    if (message.method !== "notifications/cancelled" || id === undefined) return message;
    this.#open.delete(id);
    own.delete(params?.requestId);
    return { ...message, params: { ...params, requestId: id } };
  }
}
