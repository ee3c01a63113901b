/** Whether a fleet shares what it knows. */
export interface FleetStatus {
  /** `"linked"`: Redis answers, changes are heard of, and the lists held here were compared with the fleet's. */
  readonly state: "linked" | "alone" | "closed";
  /** How long it has been so, in milliseconds. */
  readonly ageMs: number;
  /** Why it is alone; undefined while it is linked. */
  readonly reason: string | undefined;
  /** What each process decides by itself meanwhile; empty while it is linked. */
  readonly local: readonly ("lists" | "verdicts" | "quotas")[];
}

/** The figures of a fleet as one process sees it. Counters begin with the process. */
export interface FleetStats {
  readonly isLinked: boolean;
  /** How long it has been linked or not. */
  readonly linkAgeMs: number;
  /** How many processes share, this one included, as last heard. */
  readonly replicas: number;
  /** Commands sent, those that failed, and those of them that were not answered in time. */
  readonly commands: number;
  readonly failures: number;
  readonly timeouts: number;
  /** How often the lists held here were compared with the fleet's after they could have changed unheard. */
  readonly resyncs: number;
  /** Lists that another process had fetched, and lists that had to be fetched here. */
  readonly l2Hits: number;
  readonly l2Misses: number;
  /** Lists that were fetched here for the whole fleet. */
  readonly leases: number;
  /** Verdicts of others that were checked by a ping, and how many of them proved right. */
  readonly verdictsChecked: number;
  readonly verdictsConfirmed: number;
  /** Takes of quotas that were granted and refused, and how many of both were decided without Redis. */
  readonly quotaGranted: number;
  readonly quotaRefused: number;
  readonly quotaLocal: number;
}

/** The counters of a fleet while they are counted. */
export class FleetCounters {
  commands = 0;
  failures = 0;
  timeouts = 0;
  resyncs = 0;
  l2Hits = 0;
  l2Misses = 0;
  leases = 0;
  verdictsChecked = 0;
  verdictsConfirmed = 0;
  quotaGranted = 0;
  quotaRefused = 0;
  quotaLocal = 0;
}
