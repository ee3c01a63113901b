import type { ToolView } from "../src/live-state.js";
import { make } from "./element.js";
import { ToolForm } from "./tool-form.js";

/** The tools of a server, listed when a person asks for them. */
export class ToolsPanel {
  readonly element: HTMLDetailsElement = make("details", "tools");
  readonly #server: string;
  readonly #id: string;
  readonly #list = make("div");
  readonly #said = make("p");

  constructor(server: string, id: string) {
    this.#server = server;
    this.#id = id;
    this.#said.setAttribute("role", "status");
    const summary = make("summary", "", "Tools: read about them, call one by hand");
    this.element.append(summary, this.#said, this.#list);
    this.element.addEventListener("toggle", () => {
      if (this.element.open) void this.#load();
    });
  }

  async #load(): Promise<void> {
    if (this.#list.childElementCount === 0) this.#said.textContent = "Asking the server …";
    const response = await fetch(`/api/tools?server=${encodeURIComponent(this.#server)}`).catch(() => undefined);
    if (response === undefined || !response.ok) {
      this.#said.textContent = response === undefined ? "The demo does not answer." : await response.text();
      return;
    }
    const tools: readonly ToolView[] = await response.json();
    this.#said.textContent = tools.length === 0 ? "It has no tools." : "";
    const forms = tools.map((tool, index) => new ToolForm(this.#server, tool, `${this.#id}-arguments-${index}`));
    this.#list.replaceChildren(...forms.map(({ element }) => element));
  }
}
