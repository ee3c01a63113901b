import { AskingTurn } from "./asking-turn.js";
import type { Greeting } from "./dialect.js";
import type { Era } from "./protocol-versions.js";
import { ToolHeaders } from "./tool-headers.js";

const maxPrincipals = 1_000;

/** What is remembered for one principal of a server without sessions. */
interface Remembered {
  greeting: Greeting | undefined;
  readonly toolHeaders: ToolHeaders;
  /** The connections that could hold the one subscription; the first of them does. */
  readonly subscribers: Set<() => void>;
}

/**
 * What was found out about one place where a server is reached, shared by all connections to it, so that it is asked once: the
 * era that it speaks, what it says of itself, and which transport it has at a URL without a type.
 */
export class ServerMemory {
  /** Undefined while it is not known, and again where what was known turned out to be wrong. */
  era: Era | undefined;
  /** Undefined while it is not known. */
  transport: "http" | "sse" | undefined;
  /** A server of which it is not known is asked by one connection at a time. */
  readonly eraTurn: AskingTurn = new AskingTurn(() => this.era !== undefined);
  readonly transportTurn: AskingTurn = new AskingTurn(() => this.transport !== undefined);
  /** The revision that was agreed upon last. */
  protocol: string | undefined;
  /** Whether it did not answer the request for its standing stream when it was last waited for. */
  hasSilentStream = false;
  /** Whether the server has ever spoken the modern revision. */
  #wasModern = false;
  /** Of a process that ended when it was asked: what it is to be told first next time. */
  #endings = { atQuestion: 0, startsWithHandshake: false, hasTried: false, handshakeHelped: false };
  #failures = 0;
  readonly #onMalformed: (tool: string, problem: string) => void;
  readonly #principals = new Map<string | undefined, Remembered>();

  constructor(onMalformed: (tool: string, problem: string) => void = () => {}) {
    this.#onMalformed = onMalformed;
  }

  /** Whether a server of which nothing is known is greeted before it is asked, since one ended when it was asked. */
  get startsWithHandshake(): boolean {
    return this.era === undefined && this.#endings.startsWithHandshake;
  }

  /**
   * A process ended before it could be used. Returns whether it may have done so because it was asked, so that another should
   * be greeted at once. One that ends whatever it is told is asked and greeted in turn.
   */
  endedEarly(): boolean {
    const endings = this.#endings;
    if (this.era !== undefined) return false;
    const wasAsked = !endings.startsWithHandshake;
    const isWorthwhile = wasAsked && (!endings.hasTried || endings.handshakeHelped);
    endings.hasTried = true;
    endings.startsWithHandshake = wasAsked;
    if (wasAsked) endings.atQuestion += 1;
    return isWorthwhile;
  }

  /** A connection is open. What was only presumed of the server is not remembered before it has shown twice. */
  noteEra(era: Era): void {
    const endings = this.#endings;
    this.#failures = 0;
    this.#wasModern ||= era === "modern";
    if (!this.startsWithHandshake || era === "modern" || endings.atQuestion > 1) this.era = era;
    else endings.handshakeHelped = true;
    endings.startsWithHandshake = false;
  }

  /**
   * The server failed when it was asked, in a way that is no answer. Returns whether it may be one of an older revision that
   * fails so at whatever it does not know: one that fails again, and was never anything else.
   */
  failedAtQuestion(): boolean {
    this.#failures += 1;
    return this.#failures > 1 && !this.#wasModern;
  }

  /** What was remembered turned out to be wrong: the next connection asks again. */
  forget(): void {
    this.era = undefined;
    for (const remembered of this.#principals.values()) remembered.greeting = undefined;
  }

  /** What the server said of itself to a principal; undefined where it has to be asked. */
  greetingFor(principal: string | undefined): Greeting | undefined {
    return this.#principals.get(principal)?.greeting;
  }

  noteGreeting(principal: string | undefined, greeting: Greeting): void {
    this.#for(principal).greeting = greeting;
  }

  toolHeadersFor(principal: string | undefined): ToolHeaders {
    return this.#for(principal).toolHeaders;
  }

  /**
   * One connection of each principal holds the subscription: `subscribe` is called when it is the turn of this one, perhaps at
   * once. Returns what gives it to the next.
   */
  subscriber(principal: string | undefined, subscribe: () => void): () => void {
    const { subscribers } = this.#for(principal);
    subscribers.add(subscribe);
    if (subscribers.size === 1) subscribe();
    return () => {
      const [first] = subscribers;
      subscribers.delete(subscribe);
      const [next] = subscribers;
      if (first === subscribe) next?.();
    };
  }

  #for(principal: string | undefined): Remembered {
    const known = this.#principals.get(principal);
    if (known !== undefined) return known;
    const made = {
      greeting: undefined,
      toolHeaders: new ToolHeaders(this.#onMalformed),
      subscribers: new Set<() => void>(),
    };
    this.#principals.set(principal, made);
    // Principals come and go: of very many, those with no connection are forgotten.
    if (this.#principals.size > maxPrincipals)
      for (const [old, { subscribers }] of this.#principals)
        if (old !== principal && subscribers.size === 0) this.#principals.delete(old);
    return made;
  }
}

/** What was found out about each replica of a server. */
export class ServerMemories {
  readonly #onMalformed: (tool: string, problem: string) => void;
  readonly #byReplica = new Map<number, ServerMemory>();

  constructor(onMalformed: (tool: string, problem: string) => void) {
    this.#onMalformed = onMalformed;
  }

  of(replica: number): ServerMemory {
    const known = this.#byReplica.get(replica);
    if (known !== undefined) return known;
    const memory = new ServerMemory(this.#onMalformed);
    this.#byReplica.set(replica, memory);
    return memory;
  }
}
