/** What the page shows of two replicas behind a balancer; written once here for the server that sends it and for the page. */
export interface ReplicasView {
  readonly state: "off" | "starting" | "on" | "failed";
  /** Why it could not be started. */
  readonly problem: string | undefined;
  /** How often a replica of each side was killed. */
  readonly kills: number;
  readonly sides: readonly ReplicaSideView[];
}

/** One side: replicas of the gateway, or of a bare proxy. */
export interface ReplicaSideView {
  readonly name: string;
  /** How many of its replicas run. */
  readonly running: number;
  readonly of: number;
  /** Calls of its hosts that were answered, that were asked a second time, and that failed then too. */
  readonly answered: number;
  readonly again: number;
  readonly lost: number;
}
