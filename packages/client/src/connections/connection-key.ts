/** Which connections may serve one another: those to the same copy of a server on behalf of the same principal. */
export interface ConnectionKey {
  readonly server: string;
  readonly replica: number;
  readonly principal: string | undefined;
  /** Whether it is a connection of somebody's own. */
  readonly isOwn: boolean;
}

/** The key as the pool knows it: no two different keys have the same text, whatever the names are. */
export function formatKey({ server, replica, principal, isOwn }: ConnectionKey): string {
  return JSON.stringify([server, replica, principal ?? null, ...(isOwn ? ["session"] : [])]);
}

/** The key that `formatKey` made a text of. */
export function parseKey(text: string): ConnectionKey {
  const [server, replica, principal, own]: readonly unknown[] = JSON.parse(text);
  return {
    server: String(server),
    replica: Number(replica),
    principal: typeof principal === "string" ? principal : undefined,
    isOwn: own === "session",
  };
}
