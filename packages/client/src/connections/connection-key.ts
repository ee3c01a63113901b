/** Which connections may serve one another: those to the same copy of a server on behalf of the same principal. */
export interface ConnectionKey {
  readonly server: string;
  readonly replica: number;
  readonly principal: string | undefined;
  /** Whether it is a connection of somebody's own. */
  readonly isOwn: boolean;
  /** By which what somebody's own connection is opened with is found, where that is something of its own. */
  readonly setup?: number | undefined;
}

/** The key as the pool knows it: no two different keys have the same text, whatever the names are. */
export function formatKey({ server, replica, principal, isOwn, setup }: ConnectionKey): string {
  const own = isOwn ? ["session", ...(setup === undefined ? [] : [setup])] : [];
  return JSON.stringify([server, replica, principal ?? null, ...own]);
}

/** The key that `formatKey` made a text of. */
export function parseKey(text: string): ConnectionKey {
  const [server, replica, principal, own, setup]: readonly unknown[] = JSON.parse(text);
  return {
    server: String(server),
    replica: Number(replica),
    principal: typeof principal === "string" ? principal : undefined,
    isOwn: own === "session",
    ...(typeof setup === "number" && { setup }),
  };
}
