/** What `onEvent` of a fleet is told. `at` is in epoch milliseconds. No event holds a key, a value or a principal. */
export type FleetEvent =
  | {
      /** What is shared is shared: at the start, and again after each loss, once the lists held here were compared. */
      readonly type: "linkRestored";
      readonly at: number;
      /** How long this process was on its own. */
      readonly aloneMs: number;
    }
  | {
      /** This process is on its own until `linkRestored`. */
      readonly type: "linkLost";
      readonly at: number;
      readonly reason: string;
    }
  | {
      /** The lists held here were compared with what the fleet knows. */
      readonly type: "resynced";
      readonly at: number;
      /** How many lists were held, and of how many a change had been missed. */
      readonly lists: number;
      readonly changed: number;
    }
  | {
      /** Redis answered a command with an error, or not in time. What it was for was done without it. */
      readonly type: "commandFailed";
      readonly at: number;
      readonly command: string;
      readonly message: string;
    }
  | {
      /** A stored value or a message was not one of this version, was no list, or was too large; it was not used. */
      readonly type: "valueRefused";
      readonly at: number;
      readonly message: string;
    };

/** An event before its time is known to it. */
export type FleetEventBody = FleetEvent extends infer E ? (E extends FleetEvent ? Omit<E, "at"> : never) : never;
