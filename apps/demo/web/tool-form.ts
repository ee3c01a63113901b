import type { CallView, ContentView, ToolView } from "../src/live-state.js";
import { make, postJson } from "./element.js";
import { exampleOf } from "./example-of.js";
import { duration } from "./format.js";

/** One tool of a server: what it says of itself, and a form to call it. */
export class ToolForm {
  readonly element: HTMLDetailsElement = make("details", "tool");
  readonly #server: string;
  readonly #tool: ToolView;
  readonly #input = make("textarea");
  readonly #button = make("button", "", "Call");
  readonly #output = make("div", "output");
  #calling: AbortController | undefined;

  constructor(server: string, tool: ToolView, id: string) {
    this.#server = server;
    this.#tool = tool;
    const summary = make("summary");
    const [firstLine = ""] = tool.description.trim().split("\n");
    summary.append(make("code", "", tool.name), " ", make("span", "brief", firstLine));
    this.element.append(summary);
    // A server may list hundreds of tools: a form is made when it is asked for.
    this.element.addEventListener("toggle", () => this.#build(id), { once: true });
  }

  #build(id: string): void {
    const { description, hints, inputSchema, name } = this.#tool;
    const form = make("form");
    const label = make("label", "", "Arguments, as JSON");
    this.#input.id = id;
    this.#input.spellcheck = false;
    this.#input.value = JSON.stringify(exampleOf(inputSchema), null, 2);
    this.#input.rows = Math.min(12, this.#input.value.split("\n").length + 1);
    label.htmlFor = id;
    this.#button.type = "submit";
    this.#button.setAttribute("aria-label", `Call ${name}`);
    this.#output.setAttribute("role", "status");
    const schema = make("details", "schema");
    schema.append(make("summary", "", "What the arguments may be (JSON Schema)"));
    schema.append(make("pre", "", JSON.stringify(inputSchema, null, 2)));
    form.append(label, this.#input, schema, this.#button, this.#output);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#calling === undefined) void this.#call();
      else this.#calling.abort();
    });
    const said = hints.length === 0 ? "" : `It says of itself: ${hints.join(", ")}.`;
    this.element.append(make("p", "description", description.trim()), make("p", "hints", said), form);
  }

  async #call(): Promise<void> {
    const args = parsed(this.#input.value);
    if (typeof args === "string") return this.#output.replaceChildren(make("p", "bad", args));
    const calling = new AbortController();
    this.#calling = calling;
    this.#button.textContent = "Stop waiting";
    this.#button.setAttribute("aria-label", "Stop waiting");
    this.#output.replaceChildren(make("p", "", "Waiting for the answer …"));
    const body = { server: this.#server, tool: this.#tool.name, args };
    const answer = await answerOf(await postJson("/api/call", body, calling.signal), calling.signal.aborted);
    this.#output.replaceChildren(...(typeof answer === "string" ? [make("p", "bad", answer)] : this.#result(answer)));
    this.#calling = undefined;
    this.#button.textContent = "Call";
    this.#button.setAttribute("aria-label", `Call ${this.#tool.name}`);
  }

  #result(call: CallView): HTMLElement[] {
    if (call.kind === "error")
      return [make("p", "bad", `${call.code}, after ${duration(call.ms)}`), make("pre", "", call.message)];
    const head = call.isError ? "The tool answered that it failed, in" : "Answered in";
    return [
      make("p", call.isError ? "bad" : "good", `${head} ${duration(call.ms)}.`),
      ...call.content.map((item) => shown(item, this.#tool.name)),
    ];
  }
}

function shown(item: ContentView, tool: string): HTMLElement {
  if (item.type === "text") return make("pre", "", item.text);
  const image = make("img");
  image.alt = `Image that ${tool} answered with`;
  image.src = `data:${item.mimeType};base64,${item.data}`;
  return image;
}

async function answerOf(response: Response | undefined, isAborted: boolean): Promise<CallView | string> {
  if (isAborted) return "You stopped waiting. The call was cancelled; the tool may have run all the same.";
  if (response === undefined) return "The demo does not answer: look at its terminal.";
  if (!response.ok) return await response.text();
  const call: CallView = await response.json();
  return call;
}

/** The object that stands in `text`, or what is wrong with it. */
function parsed(text: string): object | string {
  try {
    const value: unknown = JSON.parse(text.trim() === "" ? "{}" : text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    return 'The arguments must be a JSON object, such as {"name": "value"}.';
  } catch (error) {
    return `The arguments are not valid JSON: ${error instanceof Error ? error.message : error}`;
  }
}
