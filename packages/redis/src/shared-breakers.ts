import { CircuitBreaker, type CircuitBreakerOptions, type StateChange } from "@minion/breaker";
import type { BreakerContext, MinionClient } from "@minion/client";
import { FailingReports } from "./failing-reports.js";
import type { FleetMessage } from "./fleet-message.js";
import type { FleetCounters } from "./fleet-stats.js";
import { isDeadServer } from "./is-dead-server.js";
import { randomId } from "./list-store.js";
import type { RedisLink } from "./redis-link.js";

type Verdict = Extract<FleetMessage, { readonly type: "verdict" }>;
type Failing = Extract<FleetMessage, { readonly type: "failing" }>;
type Pinger = Pick<MinionClient, "ping">;

/** What the breakers of a process need to tell others of them. */
export interface SharedBreakersContext {
  readonly link: RedisLink;
  readonly namespace: string;
  readonly counters: FleetCounters;
  readonly publish: (message: FleetMessage) => Promise<boolean>;
}

/** A breaker here, and what was last said of it. */
interface Guarded extends BreakerContext {
  readonly server: string;
  readonly openMs: number;
  readonly breaker: WeakRef<CircuitBreaker>;
  /** When a verdict of others was last checked by a ping. */
  pingedAt: number;
  /** How often others found the server well: a ping that was sent before means nothing after. */
  closings: number;
  told: Telling | undefined;
  /** How many calls in a row must fail before it is asked whether the server lives. */
  readonly threshold: number;
  readonly reports: FailingReports;
  /** When it was last told that calls fail here. */
  failingToldAt: number;
}

/** At most one verdict a second is told of a breaker; the last of those that came sooner is told at its end. */
interface Telling {
  next: Verdict["verdict"] | undefined;
}

const tellEveryMs = 1_000;
/** Why a breaker opens by what happened here. What others said is not said again. */
const ownReasons: readonly StateChange["reason"][] = [
  "failure-threshold",
  "failure-rate",
  "slow-call-rate",
  "probe-failed",
  "probe-timeout",
];

/**
 * Breakers that tell the fleet when they open and close, and when calls begin to fail: behind a balancer each process sees
 * a few of them. A verdict of another process, or as many failures in all as open a breaker, is a question: the server is
 * pinged from here, beside the calls, and the breaker opens only if that fails.
 */
export class SharedBreakers {
  readonly #context: SharedBreakersContext;
  readonly #guarded = new Map<string, Set<Guarded>>();
  readonly #clients = new Set<Pinger>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(context: SharedBreakersContext) {
    this.#context = context;
  }

  make(server: string, options: CircuitBreakerOptions, { identity, replica }: BreakerContext): CircuitBreaker {
    const breaker = new CircuitBreaker({
      ...options,
      onStateChange: (change) => {
        if (change.to === "open" && ownReasons.includes(change.reason)) this.#tell(guarded, "open");
        if (change.to === "closed" && change.reason === "probes-succeeded") this.#tell(guarded, "closed");
        options.onStateChange?.(change);
      },
    });
    const guarded: Guarded = {
      server,
      identity,
      replica,
      openMs: options.openMs ?? 30_000,
      breaker: new WeakRef(breaker),
      pingedAt: Number.NEGATIVE_INFINITY,
      closings: 0,
      told: undefined,
      threshold: options.failureThreshold ?? 5,
      reports: new FailingReports(),
      failingToldAt: Number.NEGATIVE_INFINITY,
    };
    const key = keyOf(guarded);
    const others = this.#guarded.get(key) ?? new Set();
    this.#guarded.set(key, others.add(guarded));
    const admit = breaker.admit.bind(breaker);
    return Object.assign(breaker, {
      admit: (): ReturnType<typeof admit> => {
        const permit = admit();
        return {
          ...permit,
          failure: (error?: unknown): boolean => {
            const isCounted = permit.failure(error);
            if (isCounted) this.#failed(guarded, breaker);
            return isCounted;
          },
        };
      },
    });
  }

  watch(client: Pinger): Disposable {
    // Wrapped, so that a client that is watched twice is let go one by one.
    const own: Pinger = { ping: (server, options) => client.ping(server, options) };
    this.#clients.add(own);
    return { [Symbol.dispose]: () => void this.#clients.delete(own) };
  }

  /** Another process has given a verdict. */
  async heard(message: Verdict): Promise<void> {
    const there = this.#guarded.get(keyOf(message));
    if (there === undefined) return;
    for (const guarded of there) {
      const breaker = guarded.breaker.deref();
      if (breaker === undefined) there.delete(guarded);
      // Nothing is asked where it would change nothing; what closes while it is being asked ends that question.
      else if (message.verdict === "open" && breaker.state !== "closed") continue;
      else if (await this.#holds(message)) await this.#take(guarded, breaker, message);
    }
    if (there.size === 0) this.#guarded.delete(keyOf(message));
  }

  /** Calls fail in another process. */
  async heardFailing(message: Failing, from: string): Promise<void> {
    for (const guarded of this.#guarded.get(keyOf(message)) ?? []) {
      const breaker = guarded.breaker.deref();
      if (breaker?.state !== "closed") continue;
      guarded.reports.add(from, message.failures);
      await this.#suspect(guarded, breaker);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#clients.clear();
  }

  async #take(guarded: Guarded, breaker: CircuitBreaker, { verdict }: Verdict): Promise<void> {
    if (verdict === "open") return this.#ask(guarded, breaker);
    guarded.closings += 1;
    guarded.reports.clear();
    breaker.endRest();
  }

  /** A call has failed here. */
  #failed(guarded: Guarded, breaker: CircuitBreaker): void {
    if (breaker.state !== "closed") return;
    const { identity, replica } = guarded;
    const now = performance.now();
    if (now - guarded.failingToldAt >= tellEveryMs) {
      guarded.failingToldAt = now;
      const failures = Math.max(1, breaker.stats().consecutiveFailures);
      void this.#context.publish({ type: "failing", identity, replica, failures });
    }
    void this.#suspect(guarded, breaker);
  }

  /** Asks the server where as many calls have failed in all processes as would open the breaker in one. */
  async #suspect(guarded: Guarded, breaker: CircuitBreaker): Promise<void> {
    const elsewhere = guarded.reports.total;
    if (elsewhere === 0 || elsewhere + breaker.stats().consecutiveFailures < guarded.threshold) return;
    guarded.reports.clear();
    await this.#ask(guarded, breaker);
  }

  /** Opens the breaker if the server does not answer a ping. Asked once in `openMs` at most. */
  async #ask(guarded: Guarded, breaker: CircuitBreaker): Promise<void> {
    const { closings } = guarded;
    const now = performance.now();
    if (now - guarded.pingedAt < guarded.openMs || this.#clients.size === 0) return;
    guarded.pingedAt = now;
    this.#context.counters.verdictsChecked += 1;
    const reason = await this.#whyDead(guarded);
    if (reason === undefined || guarded.closings !== closings || breaker.state !== "closed") return;
    this.#context.counters.verdictsConfirmed += 1;
    breaker.trip(reason);
  }

  /** What a ping failed with; undefined where the server answered in any way, or nobody could ask. */
  async #whyDead({ server, replica }: Guarded): Promise<unknown> {
    for (const client of this.#clients) {
      try {
        await client.ping(server, { replica });
        return undefined;
      } catch (error) {
        if (isDeadServer(error)) return error;
      }
    }
    return undefined;
  }

  /** Whether a verdict still holds: it has been given for less than its `openMs`, and no later one has replaced it. */
  async #holds(message: Verdict): Promise<boolean> {
    try {
      const found = await this.#context.link.run("verdict", (redis) => redis.get(this.#verdictKey(message)));
      return found === message.token;
    } catch {
      return false;
    }
  }

  #tell(guarded: Guarded, verdict: Verdict["verdict"]): void {
    if (guarded.told !== undefined) {
      guarded.told.next = verdict;
      return;
    }
    const telling: Telling = { next: undefined };
    guarded.told = telling;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      guarded.told = undefined;
      if (telling.next !== undefined) this.#tell(guarded, telling.next);
    }, tellEveryMs);
    timer.unref();
    this.#timers.add(timer);
    void this.#send(guarded, verdict);
  }

  async #send({ identity, replica, openMs }: Guarded, verdict: Verdict["verdict"]): Promise<void> {
    const { link, publish } = this.#context;
    const message: Verdict = { type: "verdict", identity, replica, verdict, token: randomId() };
    const ttlMs = Math.min(Math.max(1, Math.ceil(openMs)), 86_400_000);
    try {
      await link.run("tell", (redis) => redis.set(this.#verdictKey(message), message.token, "PX", ttlMs));
      await publish(message);
    } catch {
      // Without Redis every process learns by itself.
    }
  }

  #verdictKey({ identity, replica }: BreakerContext): string {
    return `${this.#context.namespace}:{${identity}}:verdict:${replica}`;
  }
}

function keyOf({ identity, replica }: BreakerContext): string {
  return `${identity}#${replica}`;
}
