import type { Settings } from "./options.js";
import type { BreakerSnapshot } from "./snapshot.js";

/** A call admitted as a probe, as the half-open phase knows it. */
export interface Probe {
  /** On the monotonic clock. */
  readonly admittedAt: number;
  /** Whether its result counts no more. */
  settled: boolean;
}

/**
 * What the breaker does when nobody overrides it. Instants are on the monotonic clock.
 *
 * Invariants: only half-open has probes, and probes in flight plus successes never exceed `maxProbes`; only open has an
 * end; `reopens` counts how often it opened again since it was last closed.
 */
export type Phase = { readonly kind: "closed" } | Open | HalfOpen;

/** It holds nothing, so one object serves every breaker. */
export const closed: Phase = { kind: "closed" };

/** Resting until an instant. */
export interface Open {
  readonly kind: "open";
  readonly until: number;
  readonly reopens: number;
}

/** Letting probes through. */
export interface HalfOpen {
  readonly kind: "half-open";
  readonly reopens: number;
  /** Drawn at the start, so that reading and doing agree on when the next rest would end. */
  readonly nextRestMs: number;
  /** A probe unsettled this long after its admission counts as failed. */
  readonly probeTimeoutMs: number;
  /** In the order of admission, so that the first one is the first to time out. */
  readonly probes: Set<Probe>;
  successes: number;
}

/** The phase of a breaker that opens: for its first rest where it was closed, for a longer one where it was half-open. */
export function opened(settings: Settings, from: Phase, at: number, askedMs = 0): Open {
  const reopens = from.kind === "half-open" ? from.reopens + 1 : 0;
  const ownMs = from.kind === "half-open" ? from.nextRestMs : restMs(settings, 0);
  return { kind: "open", until: at + Math.max(ownMs, grantedMs(settings, askedMs)), reopens };
}

/** What a successful probe leads to, if it leads anywhere. */
export function afterSuccess(phase: HalfOpen, successThreshold: number): Phase | undefined {
  phase.successes += 1;
  return phase.successes < successThreshold ? undefined : closed;
}

/** What follows a rest. */
export function probing(settings: Settings, reopens: number): HalfOpen {
  const { probeTimeoutMs } = settings;
  const nextRestMs = restMs(settings, reopens + 1);
  return { kind: "half-open", reopens, nextRestMs, probeTimeoutMs, probes: new Set(), successes: 0 };
}

/** The phase that a snapshot was made in, its rest counted from `now`. */
export function restored(settings: Settings, { state, restLeftMs, reopens }: BreakerSnapshot, now: number): Phase {
  if (state === "half-open") return probing(settings, reopens);
  if (state === "closed") return closed;
  const isEndless = restLeftMs >= Number.MAX_SAFE_INTEGER;
  return { kind: "open", until: isEndless ? Number.POSITIVE_INFINITY : now + restLeftMs, reopens };
}

/** Doubled at each re-opening up to the bound, then lengthened by the random share. */
function restMs({ openMs, maxOpenMs, openJitter }: Settings, reopens: number): number {
  // Beyond 2 ** 52 doubling adds no rest that anyone waits for, and it must not overflow.
  return Math.min(maxOpenMs, openMs * 2 ** Math.min(reopens, 52)) * (1 + openJitter * Math.random());
}

/** The rest that a failure asks for, within the bound; lengthened at random too, or all who were told the same would come back together. */
function grantedMs({ maxOpenMs, openJitter }: Settings, askedMs: number): number {
  return Math.min(maxOpenMs, askedMs * (1 + openJitter * Math.random()));
}

/** A transition that time alone brings about, what it ends, and when it fell due. */
export type Due =
  | { readonly to: "half-open"; readonly reason: "rest-elapsed"; readonly at: number; readonly from: Open }
  | {
      readonly to: "open";
      readonly reason: "probe-timeout";
      readonly at: number;
      readonly from: HalfOpen;
      readonly probe: Probe;
    };

/** The transition that is due in `phase` at `now`, if any. */
export function dueIn(phase: Phase, now: number): Due | undefined {
  if (phase.kind === "open" && now >= phase.until)
    return { to: "half-open", reason: "rest-elapsed", at: phase.until, from: phase };
  if (phase.kind !== "half-open") return undefined;
  const probe = firstProbe(phase);
  if (probe === undefined) return undefined;
  const at = probe.admittedAt + phase.probeTimeoutMs;
  return now >= at ? { to: "open", reason: "probe-timeout", at, from: phase, probe } : undefined;
}

/** The oldest probe in flight, which is the first to time out. */
function firstProbe(phase: HalfOpen): Probe | undefined {
  for (const probe of phase.probes) return probe;
  return undefined;
}

/** A phase as time has moved it on, without anything having been done about it. */
export interface PhaseView {
  readonly kind: Phase["kind"];
  /** Milliseconds until a call would be admitted, as far as time alone decides. */
  readonly restMs: number;
  readonly reopens: number;
  /** When the phase began, where time moved it on; undefined where it is the phase as it was entered. */
  readonly movedAt: number | undefined;
}

/** What `phase` has become by `now`. */
export function viewOf(phase: Phase, now: number, maxProbes: number): PhaseView {
  const due = dueIn(phase, now);
  if (due === undefined) return enteredView(phase, now, maxProbes);
  const { reopens } = due.from;
  if (due.to === "half-open") return { kind: "half-open", restMs: 0, reopens, movedAt: due.at };
  const until = due.at + due.from.nextRestMs;
  return now >= until
    ? { kind: "half-open", restMs: 0, reopens: reopens + 1, movedAt: until }
    : { kind: "open", restMs: until - now, reopens: reopens + 1, movedAt: due.at };
}

/** `phase` as it was entered, whatever has fallen due since. */
export function enteredView(phase: Phase, now: number, maxProbes: number): PhaseView {
  const reopens = phase.kind === "closed" ? 0 : phase.reopens;
  return { kind: phase.kind, restMs: Math.max(0, restOf(phase, now, maxProbes)), reopens, movedAt: undefined };
}

function restOf(phase: Phase, now: number, maxProbes: number): number {
  if (phase.kind === "open") return phase.until - now;
  if (phase.kind === "closed") return 0;
  const oldest = firstProbe(phase);
  if (oldest === undefined || phase.probes.size + phase.successes < maxProbes) return 0;
  return oldest.admittedAt + phase.probeTimeoutMs - now;
}
