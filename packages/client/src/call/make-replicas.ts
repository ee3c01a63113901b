import type { StateChange } from "@minion/breaker";
import type { Policy } from "../config/policy.js";
import type { ServerConnections } from "../connections/server-connections.js";
import type { Breaker } from "../interfaces.js";
import type { ServerContext } from "../server-context.js";
import { Replica } from "./replica.js";

/** What the replicas of a server are made of. */
export interface ReplicasContext {
  readonly server: string;
  readonly policy: Policy;
  readonly context: ServerContext;
  readonly identity: string;
  readonly connections: ServerConnections;
  readonly onBreaker: (replica: number, change: StateChange) => void;
}

/** A replica, with a breaker of its own, for each place where a server is reached. */
export function makeReplicas(options: ReplicasContext): readonly Replica[] {
  const { server, policy, context, connections } = options;
  const { breaker } = policy;
  return policy.targets.map(
    (_, index) =>
      new Replica({
        server,
        index,
        breaker: breaker === false ? undefined : makeBreaker(index, breaker, options),
        pool: context.pool,
        hasRoomForFresh: policy.maxConnections > 1,
        isStateful: policy.stateful,
        keyFor: (principal) => connections.key(index, principal),
        onLeased: (leased, key) => connections.leased(leased, key),
      }),
  );
}

function makeBreaker(
  replica: number,
  options: Exclude<Policy["breaker"], false>,
  { server, context, identity, onBreaker }: ReplicasContext,
): Breaker {
  // Half-open is a ping and a call: neither of them alone may close it.
  const successThreshold = Math.max(2, options.successThreshold ?? 2);
  return context.makeBreaker(
    server,
    {
      name: replica === 0 ? server : `${server}#${replica}`,
      ...options,
      successThreshold,
      maxProbes: Math.max(successThreshold, options.maxProbes ?? 3),
      onStateChange: (change) => {
        onBreaker(replica, change);
        options.onStateChange?.(change);
      },
    },
    { identity, replica },
  );
}
