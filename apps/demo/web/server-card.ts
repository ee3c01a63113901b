import type { Action, ServerView, SideView } from "../src/live-state.js";
import { make, setText } from "./element.js";
import { ErrorPanel } from "./error-panel.js";
import { cssColourOf, duration, lineSample } from "./format.js";
import { ToolsPanel } from "./tools-panel.js";
import { actions, type Explained, explanations, healthMarks } from "./words.js";

/** A ping that has waited for so long is said to be without an answer. */
const silentMs = 2_000;

/** One server on the page: how it is, what is wrong, its tools, and the buttons that break it. */
export class ServerCard {
  readonly element: HTMLElement = make("article", "server");
  readonly #health = make("span", "health");
  /** Of the demo's own servers: the load, side by side. */
  readonly #rows: readonly HTMLTableRowElement[];
  /** Of a user's own server: what its pings say. */
  readonly #ping = make("p", "ping");
  readonly #facts = new Map<Explained, HTMLElement>();
  readonly #factList = make("ul", "facts");
  readonly #notes = make("ul", "notes");
  readonly #error: ErrorPanel;
  readonly #buttons = new Map<Action, HTMLButtonElement>();

  constructor(view: ServerView, index: number, isOwn: boolean, onAction: (name: string, action: Action) => void) {
    const { element } = this;
    element.style.setProperty("--colour", cssColourOf(index));
    element.dataset.server = view.name;
    const title = make("h3", "", view.name);
    title.id = `server-${index}`;
    element.setAttribute("aria-labelledby", title.id);
    const header = make("header");
    header.append(lineSample(index), title, make("span", "transport", view.transport), this.#health);
    const table = loadTable();
    this.#rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    this.#error = new ErrorPanel(view.name);
    this.#notes.setAttribute("aria-label", `What the configuration of ${view.name} says in vain`);
    const tools = new ToolsPanel(view.name, `server-${index}`);
    element.append(header, isOwn ? this.#ping : table, this.#error.element, this.#notes, this.#factList);
    if (view.health !== "unusable") element.append(tools.element);
    if (view.actions.length > 0) element.append(this.#buttonGroup(view, onAction));
  }

  /** Shows `view`. */
  show(view: ServerView): void {
    setText(this.#health, healthMarks[view.health]);
    this.#health.dataset.health = view.health;
    showSide(this.#rows[0], view.withMinion);
    showSide(this.#rows[1], view.bare);
    setText(this.#ping, pingInWords(view));
    this.#error.show(view.error);
    if (this.#notes.childElementCount !== view.notes.length)
      this.#notes.replaceChildren(...view.notes.map((note) => make("li", "", note)));
    this.#notes.hidden = view.notes.length === 0;
    if (view.health !== "unusable") this.#showFacts(view);
    for (const [action, button] of this.#buttons) {
      if (action === "restore") button.classList.toggle("needed", view.needsRestore);
      else if (action !== "forget" && action !== "flood")
        button.setAttribute("aria-pressed", String(view.broken === action));
    }
  }

  #showFacts({ breaker, retryInMs, pool, tools, cache, processes, protocol }: ServerView): void {
    const retry = retryInMs === undefined || retryInMs === 0 ? "" : `, next try in ${duration(retryInMs)}`;
    this.#fact("breaker", "breaker", `${breaker}${retry}`);
    this.#fact("pool", "connections", `${pool.open} of ${pool.max}`);
    this.#fact("calls", "calls under way", `${pool.busy}${pool.waiting > 0 ? ` and ${pool.waiting} waiting` : ""}`);
    this.#fact("tools", "tools", tools === undefined ? "–" : String(tools));
    this.#fact("cache", "tool list from cache", `${Math.round(cache.hitRate * 100)} %`);
    if (processes !== undefined) this.#fact("processes", "processes", String(processes));
    if (protocol !== undefined) this.#fact("protocol", "protocol", protocol);
  }

  /** A figure with a button that explains it. */
  #fact(id: Explained, label: string, value: string): void {
    let shown = this.#facts.get(id);
    if (shown === undefined) {
      const item = make("li");
      shown = make("b");
      item.append(explainer(id, label), " ", shown);
      this.#factList.append(item);
      this.#facts.set(id, shown);
    }
    setText(shown, value);
  }

  #buttonGroup(view: ServerView, onAction: (name: string, action: Action) => void): HTMLElement {
    const group = make("div", "buttons");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", `Break or mend ${view.name}`);
    for (const action of view.actions) {
      const [label, explanation] = actions[action];
      const button = make("button", action === "restore" ? "restore" : "", label);
      button.type = "button";
      button.title = explanation;
      button.addEventListener("click", () => onAction(view.name, action));
      this.#buttons.set(action, button);
      group.append(button);
    }
    return group;
  }
}

/** A word with a dotted line below: a click explains it. */
function explainer(id: Explained, label: string): HTMLButtonElement {
  const button = make("button", "explain", label);
  button.type = "button";
  button.title = `What is this? ${explanations[id][0]}`;
  button.setAttribute("popovertarget", `explain-${id}`);
  return button;
}

function loadTable(): HTMLTableElement {
  const table = make("table");
  const head = table.createTHead().insertRow();
  for (const text of ["Through", "answered/s", "failed/s", "median", "95 % within"]) {
    const cell = make("th");
    cell.scope = "col";
    cell.append(text === "median" ? explainer("latency", text) : text);
    head.append(cell);
  }
  const body = table.createTBody();
  for (const side of ["Minion", "Bare SDK"]) {
    const row = body.insertRow();
    const name = make("th", "", side);
    name.scope = "row";
    row.append(name, make("td"), make("td"), make("td"), make("td"));
  }
  return table;
}

function showSide(row: HTMLTableRowElement | undefined, side: SideView | undefined): void {
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
    setText(cell, text);
    cell.className = column === 1 && side.failuresPerSecond > 0 ? "bad" : "";
  }
}

function pingInWords({ health, withMinion: { p50Ms, p95Ms, waitingMs } }: ServerView): string {
  const waits = waitingMs > silentMs ? ` A ping has waited for its answer for ${Math.floor(waitingMs / 1_000)} s.` : "";
  if (health === "unusable") return "Its entry in the configuration cannot be used, so it is not asked.";
  if (health === "starting") return `It is being started and has not answered yet.${waits}`;
  if (health === "unavailable")
    return waits === ""
      ? "It does not answer: the last ping failed. It is asked again every second."
      : `It does not answer.${waits} It may be frozen, or very busy: look at its process.`;
  if (p50Ms === undefined) return "It answers.";
  return `It answers a ping in ${duration(p50Ms)}, and in ${duration(p95Ms)} at most 95 times in 100.`;
}
