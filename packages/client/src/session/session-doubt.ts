import { Failure } from "./failure.js";

/** At most so often an ordinary error answer makes anybody ask. */
const hintEveryMs = 1_000;
/** JSON-RPC keeps these codes for itself; by any other, and by that of an invalid request, some servers say "no such session". */
const reserved = { from: -32_768, to: -32_100 } as const;
const invalidRequest = -32_600;

/** What a {@link SessionDoubt} needs of its connection. */
export interface SessionDoubtOptions {
  /** Pings the server in the same session. Resolves with what it failed with; undefined for an answer. */
  readonly ping: () => Promise<Failure | undefined>;
  /** Called once, when the server has forgotten the session. */
  readonly onLost: (failure: Failure) => void;
}

/**
 * Finds out whether a server still knows a session. Servers say in many words that they do not: by any HTTP status of refusal, by an
 * error that answers no request, by refusing a stream. Each of these may mean something else too, so a ping in the same session
 * decides, one for all who doubt at the same time: only where it is refused as well the session is lost.
 */
export class SessionDoubt {
  readonly #options: SessionDoubtOptions;
  #pinging: Promise<Failure | undefined> | undefined;
  #hintedAt = Number.NEGATIVE_INFINITY;
  #isLost = false;

  constructor(options: SessionDoubtOptions) {
    this.#options = options;
  }

  /** What a failure comes to: itself, or a lost session. */
  async settle(failure: Failure): Promise<Failure> {
    const refused = this.#isLost ? failure : await this.#ping();
    if (refused === undefined || !(this.#isLost || isRefusedToo(refused, failure))) return failure;
    const lost = lostBy(failure);
    this.#lose(lost);
    return lost;
  }

  /** Asks, where nothing has failed. */
  async check(): Promise<void> {
    const refused = await this.#ping();
    // A server that does not answer has not said that it forgot the session.
    if (refused?.kind === "session-lost" || (refused?.doubtsSession === true && Number(refused.status ?? 0) < 500))
      this.#lose(lostBy(refused));
  }

  /** An answer that is an error, and the answer all the same: it may be the server's way to say that the session is lost. */
  hint(failure: Failure): void {
    const { cause } = failure;
    const code: unknown = cause instanceof Error ? Reflect.get(cause, "code") : undefined;
    if (typeof code !== "number" || (code >= reserved.from && code <= reserved.to && code !== invalidRequest)) return;
    const now = performance.now();
    if (this.#isLost || now - this.#hintedAt < hintEveryMs) return;
    this.#hintedAt = now;
    void this.settle(failure);
  }

  #ping(): Promise<Failure | undefined> {
    this.#pinging ??= this.#options.ping().finally(() => {
      this.#pinging = undefined;
    });
    return this.#pinging;
  }

  /** The server has said so without being asked. */
  noteLost(): void {
    this.#isLost = true;
  }

  #lose(failure: Failure): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#options.onLost(failure);
  }
}

/** Whether the ping was refused like the request before it. One that was answered, if only by another error, shows that the session lives. */
function isRefusedToo(ping: Failure, failure: Failure): boolean {
  if (ping.kind === "session-lost" || ping.doubtsSession) return true;
  return ping.kind === "rpc" && failure.kind === "rpc" && ping.message === failure.message;
}

/** A request that was refused as a bad one had not begun; of any other refusal that is not known. */
function lostBy(refusal: Failure): Failure {
  if (refusal.kind === "session-lost") return refusal;
  const { status, cause, message } = refusal;
  const delivery = refusal.kind === "http" && status === 400 ? refusal.delivery : "sent";
  const details = { delivery, cause, status, refusal, endsConnection: true } as const;
  return new Failure("session-lost", `the server does not know the session any more: ${message}`, details);
}
