import type { Action, ServerView, SideView } from "../src/live-state.js";
import { colourOf, duration } from "./format.js";

const labels: Readonly<Record<Action, string>> = {
  kill: "Kill",
  freeze: "Freeze",
  slow: "Slow down",
  fail: "Make fail",
  forget: "Forget sessions",
  flood: "Flood with changes",
  restore: "Restore",
  reconnect: "Reconnect",
};
const healthMarks: Readonly<Record<ServerView["health"], string>> = {
  healthy: "● healthy",
  degraded: "◐ degraded",
  unavailable: "○ unavailable",
  idle: "◌ idle",
};

/** One server on the page: what it is doing, and the buttons that break it. */
export class ServerCard {
  readonly element: HTMLElement = document.createElement("article");
  readonly #health = make("span", "health");
  readonly #rows: readonly HTMLTableRowElement[];
  readonly #facts = make("ul", "facts");
  readonly #error = make("p", "error");
  readonly #buttons = new Map<Action, HTMLButtonElement>();

  constructor(view: ServerView, index: number, onAction: (name: string, action: Action) => void) {
    const { element } = this;
    element.className = "server";
    element.style.setProperty("--colour", colourOf(index));
    element.dataset.server = view.name;
    const title = make("h3", "", view.name);
    title.id = `server-${index}`;
    element.setAttribute("aria-labelledby", title.id);
    const header = make("header");
    header.append(title, make("span", "transport", view.transport), this.#health);
    const table = document.createElement("table");
    table.innerHTML =
      '<thead><tr><th scope="col">Side</th><th scope="col">ok/s</th><th scope="col">failed/s</th><th scope="col">p50</th><th scope="col">p95</th></tr></thead>';
    const body = table.createTBody();
    this.#rows = ["Minion", "Bare SDK"].map((side) => {
      const row = body.insertRow();
      const head = make("th", "", side);
      head.setAttribute("scope", "row");
      row.append(head, ...Array.from({ length: 4 }, () => document.createElement("td")));
      return row;
    });
    const buttons = make("div", "buttons");
    buttons.setAttribute("role", "group");
    buttons.setAttribute("aria-label", `Break or mend ${view.name}`);
    for (const action of view.actions) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = labels[action];
      button.dataset.action = action;
      if (action === "restore") button.className = "restore";
      button.addEventListener("click", () => onAction(view.name, action));
      this.#buttons.set(action, button);
      buttons.append(button);
    }
    element.append(header, table, this.#facts, this.#error, buttons);
  }

  /** Shows `view`. */
  show(view: ServerView): void {
    this.#health.textContent = healthMarks[view.health];
    this.#health.dataset.health = view.health;
    this.#showSide(0, view.withMinion);
    this.#showSide(1, view.bare);
    const retry =
      view.retryInMs === undefined || view.retryInMs === 0 ? "" : `, next try in ${duration(view.retryInMs)}`;
    this.#facts.replaceChildren(
      fact("breaker", `${view.breaker}${retry}`),
      fact("connections", `${view.pool.open} of ${view.pool.max}`),
      fact("calls in them", `${view.pool.busy}${view.pool.waiting > 0 ? ` and ${view.pool.waiting} waiting` : ""}`),
      fact("tools", view.tools === undefined ? "–" : String(view.tools)),
      fact("list from cache", `${Math.round(view.cache.hitRate * 100)} %`),
      fact("processes", String(view.processes)),
    );
    const error = view.health === "healthy" ? "" : (view.lastError ?? "");
    this.#error.textContent = error;
    this.#error.title = error;
    for (const [action, button] of this.#buttons)
      if (action !== "restore" && action !== "reconnect" && action !== "forget" && action !== "flood")
        button.setAttribute("aria-pressed", String(view.broken === action));
  }

  #showSide(index: number, side: SideView | undefined): void {
    const row = this.#rows[index];
    if (row === undefined) return;
    row.hidden = side === undefined;
    if (side === undefined) return;
    const cells = [
      String(side.callsPerSecond),
      String(side.failuresPerSecond),
      duration(side.p50Ms),
      side.inFlight > 20 ? `${side.inFlight} waiting` : duration(side.p95Ms),
    ];
    for (const [column, text] of cells.entries()) {
      const cell = row.cells[column + 1];
      if (cell === undefined) continue;
      if (cell.textContent !== text) cell.textContent = text;
      cell.className = column === 1 && side.failuresPerSecond > 0 ? "bad" : "";
    }
  }
}

function fact(name: string, value: string): HTMLElement {
  const item = make("li", "", `${name} `);
  item.append(make("b", "", value));
  return item;
}

function make(tag: string, className = "", text = ""): HTMLElement {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}
