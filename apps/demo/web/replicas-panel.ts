import type { ReplicaSideView, ReplicasView } from "../src/replicas-view.js";
import { make, postJson, setText } from "./element.js";

const askEveryMs = 500;
const intro =
  "The same six hosts, of the official SDK, call through two replicas of the gateway and through two of a bare proxy; each asks " +
  "a second time where a call fails, and starts over where that fails too. Kill a replica of each and count what is lost.";

/** The scene of two replicas: a button that starts it, one that kills, and what is lost on either side. */
export class ReplicasPanel {
  readonly #section: HTMLElement;
  readonly #start = button("Start two replicas of each", "start");
  readonly #kill = button("Kill one replica of each", "kill");
  readonly #state = make("p", "quiet");
  readonly #table = make("table");
  #asking: ReturnType<typeof setInterval> | undefined;
  /** Whether it was started here: an answer may then still say "off", where it was asked for a moment earlier. */
  #isWanted = false;

  constructor(section: HTMLElement) {
    this.#section = section;
    this.#state.setAttribute("role", "status");
    this.#kill.hidden = true;
    this.#table.hidden = true;
    const head = this.#table.createTHead().insertRow();
    for (const text of ["Through", "replicas that run", "answered", "asked twice", "lost"]) {
      const cell = make("th", "", text);
      cell.scope = "col";
      head.append(cell);
    }
    this.#table.createTBody();
    section.append(make("p", "", intro), this.#start, this.#kill, this.#state, this.#table);
    for (const one of [this.#start, this.#kill]) one.addEventListener("click", () => this.#pressed());
  }

  /** Shows the section, and what goes on there. */
  show(): void {
    this.#section.hidden = false;
    this.#ask();
  }

  #pressed(): void {
    this.#isWanted = true;
    this.#ask();
  }

  /** Asks how it stands, again and again while something goes on there. */
  #ask(): void {
    clearInterval(this.#asking);
    const ask = async (): Promise<void> => {
      const view = await fetch("/api/replicas")
        .then((response): Promise<ReplicasView> => response.json())
        .catch(() => undefined);
      if (view === undefined) return;
      if (view.state === "off" && !this.#isWanted) clearInterval(this.#asking);
      this.#render(view);
    };
    this.#asking = setInterval(ask, askEveryMs);
    void ask();
  }

  #render({ state, problem, kills, sides }: ReplicasView): void {
    this.#start.hidden = state === "on";
    this.#start.disabled = state === "starting";
    this.#kill.hidden = state !== "on";
    this.#kill.disabled = sides.some(({ running, of }) => running < of);
    this.#table.hidden = sides.length === 0;
    const times = `${kills} ${kills === 1 ? "replica" : "replicas"} of each killed.`;
    const words = { off: "", starting: "Starting …", on: times, failed: `It could not be started: ${problem}` };
    setText(this.#state, words[state]);
    const [body] = this.#table.tBodies;
    for (const [index, side] of sides.entries()) showSide(body?.rows[index] ?? body?.insertRow(), side);
  }
}

function showSide(row: HTMLTableRowElement | undefined, side: ReplicaSideView): void {
  if (row === undefined) return;
  if (row.cells.length === 0) {
    const name = make("th", "", side.name);
    name.scope = "row";
    row.append(name, make("td"), make("td"), make("td"), make("td"));
  }
  const texts = [`${side.running} of ${side.of}`, side.answered, side.again, side.lost].map(String);
  for (const [index, text] of texts.entries()) {
    const cell = row.cells[index + 1];
    if (cell !== undefined) setText(cell, text);
  }
  row.cells[4]?.classList.toggle("bad", side.lost > 0);
}

function button(label: string, action: "start" | "kill"): HTMLButtonElement {
  const made = make("button", "", label);
  made.type = "button";
  made.addEventListener("click", () => void postJson(`/api/replicas/${action}`, {}));
  return made;
}
