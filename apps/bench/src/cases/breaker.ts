import { CircuitBreaker } from "@minion/breaker";
import { ConsecutiveBreaker, circuitBreaker, handleAll } from "cockatiel";
import Opossum from "opossum";
import type { BenchCase, BenchCases } from "../bench-case.js";
import { timeEach } from "../interleave.js";
import { bytesHeldBy, timersStartedBy } from "../memory.js";
import { compare } from "../row.js";

const operation = async (): Promise<number> => 1;
const failure = new Error("down");
const failing = async (): Promise<never> => {
  throw failure;
};

/** Consecutive, rate and slow rules all on. */
function ours(): CircuitBreaker {
  return new CircuitBreaker({ slowCallMs: 10_000, slowCallRateThreshold: 0.5 });
}

function cockatiel(): ReturnType<typeof circuitBreaker> {
  return circuitBreaker(handleAll, { halfOpenAfter: 3_600_000, breaker: new ConsecutiveBreaker(5) });
}

/** Without its own time limit, which would cost it a timer per call. */
function opossum<T>(run: () => Promise<T>): Opossum<[], T> {
  return new Opossum(run, { timeout: false, resetTimeout: 3_600_000 });
}

/** The cost of one call whose rejection is caught where it is awaited. */
function caught(call: () => Promise<unknown>): () => Promise<void> {
  return async () => {
    try {
      await call();
    } catch {
      // The refusal is what is measured.
    }
  };
}

const closed: BenchCase = async (effort) => {
  const breaker = ours();
  const policy = cockatiel();
  const circuit = opossum(operation);
  const samples = await timeEach(
    {
      minion: () => breaker.execute(operation),
      cockatiel: () => policy.execute(operation),
      opossum: () => circuit.fire(),
      "no breaker": () => operation(),
    },
    effort,
  );
  circuit.shutdown();
  return {
    rows: [
      compare({
        name: "a call through a closed breaker",
        unit: "ns",
        samples,
        against: { cockatiel: { atMost: 0.75 }, opossum: { atMost: 0.3 }, "no breaker": undefined },
        note: "ours with the consecutive, the rate and the slow rule on; cockatiel's consecutive breaker; opossum's rolling rate without its timeout; in a loop as tight as this one ours reads the clock once for 64 calls, otherwise for each, which costs some 80 ns more",
      }),
    ],
  };
};

const refused: BenchCase = async (effort) => {
  const breaker = new CircuitBreaker({ openMs: 3_600_000 });
  const policy = cockatiel();
  const circuit = opossum(failing);
  for (let failures = 0; failures < 5; failures += 1) {
    await breaker.execute(failing).catch(() => {});
    await policy.execute(failing).catch(() => {});
    await circuit.fire().catch(() => {});
  }
  if (!breaker.isOpen || !circuit.opened) throw new Error("bug: every breaker must be open by now");
  const samples = await timeEach(
    {
      minion: caught(() => breaker.execute(operation)),
      cockatiel: caught(() => policy.execute(operation)),
      opossum: caught(() => circuit.fire()),
      "Promise.reject": caught(() => Promise.reject(failure)),
    },
    effort,
  );
  circuit.shutdown();
  return {
    rows: [
      compare({
        name: "a refusal by an open breaker",
        unit: "ns",
        samples,
        against: { "Promise.reject": { atMost: 4 }, cockatiel: undefined, opossum: undefined },
        note: "Promise.reject rejects with one error made beforehand; ours makes an error that says when to come back and why",
      }),
    ],
  };
};

/** Each has made a call, so that what it makes on first use is there. */
async function used<T>(count: number, make: () => T, call: (made: T) => Promise<unknown>): Promise<readonly T[]> {
  const made: T[] = [];
  for (let index = 0; index < count; index += 1) {
    const one = make();
    await call(one);
    made.push(one);
  }
  return made;
}

const memory: BenchCase = async ({ quick }) => {
  const count = 100_000;
  const few = quick ? 1_000 : 5_000;
  let timers = 0;
  const minion = await bytesHeldBy(async () => {
    let all: readonly CircuitBreaker[] = [];
    timers = await timersStartedBy(async () => {
      all = await used(count, ours, (breaker) => breaker.execute(operation));
    });
    return all;
  });
  const cockatiels = await bytesHeldBy(() => used(few, cockatiel, (policy) => policy.execute(operation)));
  const held: Opossum[] = [];
  const opossums = await bytesHeldBy(async () => {
    held.push(
      ...(await used(
        few,
        () => opossum(operation),
        (circuit) => circuit.fire(),
      )),
    );
    return held;
  });
  for (const circuit of held) circuit.shutdown();
  const scale = count / few / 1e6;
  return {
    rows: [
      {
        name: "100,000 breakers, each after one call",
        unit: "MB",
        ours: minion / 1e6,
        peers: [
          { name: "cockatiel", value: cockatiels * scale },
          { name: "opossum", value: opossums * scale },
        ],
        checks: [
          { of: "in all", unit: "MB", value: minion / 1e6, bound: { atMost: 100 } },
          { of: "timers started", unit: "count", value: timers, bound: { atMost: 0 } },
        ],
        note: `the peers' figures are scaled up from ${few} of each`,
      },
    ],
  };
};

export const breakerCases: BenchCases = {
  "breaker-closed": closed,
  "breaker-refusal": refused,
  "breaker-memory": memory,
};
