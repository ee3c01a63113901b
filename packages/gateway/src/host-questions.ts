import { randomUUID } from "node:crypto";
import { ProtocolError } from "@modelcontextprotocol/server";
import { answerTimeoutMs, type Question } from "./host.js";
import type { HostAnswer } from "./json-rpc-message.js";

/** How a host is asked. */
export interface Asking {
  readonly principal: string | undefined;
  readonly send: (message: object) => void;
  /** Aborts when the answer is wanted no more. */
  readonly signal: AbortSignal;
  /** Aborts when the host cannot be heard any more. */
  readonly gone: AbortSignal;
}

interface Open {
  readonly principal: string | undefined;
  readonly onAnswer: (answer: HostAnswer) => void;
}

/**
 * What hosts of the older revisions were asked over HTTP and have not answered yet. An answer is a POST of its own and
 * names nothing but the id of the question, so that each id is one that nobody can guess; only who was asked may answer.
 * A question that was asked by another replica is unknown here.
 */
export class HostQuestions {
  readonly #open = new Map<string, Open>();

  /**
   * Asks a host. Resolves with the result of its answer.
   *
   * @throws ProtocolError what the host answers instead, or -32603 where it has gone away or takes longer than 600 s; or
   * `signal.reason`
   */
  ask(question: Question, { principal, send, signal, gone }: Asking): Promise<unknown> {
    const id = randomUUID();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#open.delete(id);
        clearTimeout(timer);
        signal.removeEventListener("abort", onUnwanted);
        gone.removeEventListener("abort", onGone);
      };
      const giveUp = (reason: unknown): void => {
        end();
        send({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: id, reason: String(reason) } });
        reject(reason);
      };
      const onUnwanted = (): void => giveUp(signal.reason);
      const onGone = (): void => {
        end();
        reject(new ProtocolError(-32603, "The host has gone away."));
      };
      const timer = setTimeout(
        () => giveUp(new ProtocolError(-32603, `The host has not answered within ${answerTimeoutMs / 1_000} s.`)),
        answerTimeoutMs,
      );
      const onAnswer = (answer: HostAnswer): void => {
        end();
        if ("result" in answer) resolve(answer.result);
        else reject(new ProtocolError(answer.error.code, answer.error.message, answer.error.data));
      };
      this.#open.set(id, { principal, onAnswer });
      signal.addEventListener("abort", onUnwanted);
      gone.addEventListener("abort", onGone);
      if (gone.aborted) onGone();
      else if (signal.aborted) onUnwanted();
      else send({ jsonrpc: "2.0", id, ...question });
    });
  }

  /** Passes an answer on to whoever asked. False where nobody has asked this principal. */
  answer(answer: HostAnswer, principal: string | undefined): boolean {
    const open = this.#open.get(String(answer.id));
    if (open === undefined || open.principal !== principal) return false;
    open.onAnswer(answer);
    return true;
  }
}
