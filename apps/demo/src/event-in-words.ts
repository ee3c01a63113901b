import type { ClientEvent } from "@minion/client";
import type { EventView } from "./live-state.js";

/** What happened, for people; undefined for what happens all the time. */
export function eventInWords(event: ClientEvent): Pick<EventView, "text" | "kind"> | undefined {
  switch (event.type) {
    case "health":
      return { text: `is ${event.to}`, kind: event.to === "healthy" ? "good" : event.to === "idle" ? "note" : "bad" };
    case "sessionOpened":
      return { text: `has a new connection, opened in ${Math.round(event.durationMs)} ms`, kind: "good" };
    case "sessionClosed":
      return { text: `lost a connection (${event.reason})`, kind: "note" };
    case "listRefreshed":
      return { text: `has ${event.count} ${event.list}, freshly listed`, kind: "note" };
    case "breaker":
      return breakerInWords(event.to);
    case "malformedTool":
      return { text: `lists a malformed tool, left out: ${event.tool}`, kind: "bad" };
    default:
      return undefined;
  }
}

function breakerInWords(state: string): Pick<EventView, "text" | "kind"> {
  switch (state) {
    case "open":
      return { text: "breaker open: calls are refused at once and the server is left alone", kind: "bad" };
    case "half-open":
      return { text: "breaker half-open: a ping and one call find out whether it works again", kind: "note" };
    default:
      return { text: `breaker ${state}: calls flow`, kind: "good" };
  }
}
