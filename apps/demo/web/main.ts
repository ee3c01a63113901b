import type { Action, EventView, LiveState } from "../src/live-state.js";
import { Charts } from "./charts.js";
import { colourOf } from "./format.js";
import { ServerCard } from "./server-card.js";

const shownEvents = 12;
const cards = new Map<string, ServerCard>();
const charts = new Charts(find("charts"));
const rate = findInput("rate");
let rateIsBeingSet = false;
let last: LiveState | undefined;

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
  find("rate-value").textContent = rate.value;
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
    find("rate-value").textContent = rate.value;
  }
}

function build(state: LiveState): void {
  cards.clear();
  for (const [index, server] of state.servers.entries()) cards.set(server.name, new ServerCard(server, index, act));
  find("servers").replaceChildren(...[...cards.values()].map(({ element }) => element));
  find("legend").replaceChildren(
    ...state.servers.map(({ name }, index) => {
      const item = document.createElement("li");
      const colour = document.createElement("span");
      colour.style.setProperty("--colour", colourOf(index));
      item.append(colour, name);
      return item;
    }),
  );
}

function addEvent(event: EventView): void {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = new Date(event.at).toISOString();
  time.textContent = new Date(event.at).toLocaleTimeString();
  const text = document.createElement("span");
  text.className = event.kind;
  text.textContent = `${event.server} ${event.text}`;
  item.append(time, text);
  const events = find("events");
  events.prepend(item);
  while (events.childElementCount > shownEvents) events.lastElementChild?.remove();
}

async function act(name: string, action: Action): Promise<void> {
  await post(`/api/servers/${encodeURIComponent(name)}/${action}`);
}

async function post(path: string, body?: unknown): Promise<void> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const response = await fetch(path, { method: "POST", ...init }).catch(() => undefined);
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
