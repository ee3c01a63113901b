import type { Action, EventView, LiveState } from "../src/live-state.js";
import { Charts } from "./charts.js";
import { make, postJson, setText } from "./element.js";
import { timeOfDay } from "./format.js";
import { fillLegend } from "./legend.js";
import { ReplicasPanel } from "./replicas-panel.js";
import { ServerCard } from "./server-card.js";
import { explanations } from "./words.js";

const shownEvents = 20;
const cards = new Map<string, ServerCard>();
const charts = new Charts(find("charts"));
const replicas = new ReplicasPanel(find("replicas"));
const rate = findInput("rate");
let rateIsBeingSet = false;
let last: LiveState | undefined;

for (const [id, [title, text]] of Object.entries(explanations)) {
  const explanation = make("div");
  explanation.id = `explain-${id}`;
  explanation.setAttribute("popover", "auto");
  explanation.append(make("b", "", title), make("p", "", text));
  find("explanations").append(explanation);
}

const source = new EventSource("/api/live");
source.addEventListener("open", () => {
  charts.clear();
  find("events").replaceChildren();
  tell("Live.", true);
});
source.addEventListener("error", () => tell("The demo does not answer; trying again …", false));
source.addEventListener("past", (event) => remember(event.data));
source.addEventListener("now", (event) => {
  remember(event.data);
  if (last !== undefined) show(last);
});

rate.addEventListener("input", () => {
  rateIsBeingSet = true;
  setText(find("rate-value"), rate.value);
});
rate.addEventListener("change", async () => {
  await post("/api/rate", { rate: Number(rate.value) });
  rateIsBeingSet = false;
});

function remember(data: string): void {
  const state: LiveState = JSON.parse(data);
  last = state;
  charts.add(state);
  for (const event of state.events) addEvent(event);
}

function show(state: LiveState): void {
  const names = state.servers.map(({ name }) => name);
  if (names.length !== cards.size || names.some((name) => !cards.has(name))) build(state);
  for (const server of state.servers) cards.get(server.name)?.show(server);
  charts.draw();
  if (!rateIsBeingSet) {
    rate.value = String(state.rate);
    setText(find("rate-value"), rate.value);
  }
}

function build({ servers, configuration }: LiveState): void {
  const isOwn = configuration !== undefined;
  document.title = isOwn ? `Minion: ${configuration.file}` : "Minion: break it, watch it heal";
  find("load").hidden = isOwn;
  if (!isOwn) replicas.show();
  find("intro").textContent = isOwn
    ? `The servers of ${configuration.file}, each pinged once a second. No tool is called unless you call it.`
    : "Real MCP servers are being called right now, twice over: through Minion, and through the bare SDK. Break one and compare.";
  const disabled = find("disabled");
  disabled.hidden = !isOwn || configuration.disabled.length === 0;
  disabled.textContent = `Switched off in the file, so not shown: ${configuration?.disabled.join(", ") ?? ""}.`;
  cards.clear();
  for (const [index, server] of servers.entries()) cards.set(server.name, new ServerCard(server, index, isOwn, act));
  find("servers").replaceChildren(...[...cards.values()].map(({ element }) => element));
  const names = servers.map(({ name }) => name);
  fillLegend(find("legend"), names, (name) => charts.showAlone(name));
  charts.showAlone(undefined);
}

function addEvent(event: EventView): void {
  const item = make("li");
  const time = make("time", "", timeOfDay(event.at));
  time.dateTime = new Date(event.at).toISOString();
  item.append(time, make("span", event.kind, `${event.server} ${event.text}`));
  const events = find("events");
  events.prepend(item);
  while (events.childElementCount > shownEvents) events.lastElementChild?.remove();
}

async function act(server: string, action: Action): Promise<void> {
  await post("/api/act", { server, action });
}

async function post(path: string, body: unknown): Promise<void> {
  const response = await postJson(path, body);
  if (response === undefined) tell("The demo does not answer; trying again …", false);
  else if (!response.ok) tell(await response.text(), false);
}

function tell(text: string, live: boolean): void {
  const connection = find("connection");
  connection.textContent = text;
  connection.dataset.live = String(live);
}

function find(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`bug: the page has no #${id}`);
  return element;
}

function findInput(id: string): HTMLInputElement {
  const element = find(id);
  if (!(element instanceof HTMLInputElement)) throw new Error(`bug: #${id} is no input`);
  return element;
}
