import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { LiveState, ServerView } from "../src/live-state.js";
import { colourOf } from "./format.js";

/** A minute and a bit at two states a second. */
const kept = 130;

interface ChartKind {
  readonly title: string;
  readonly unit: string;
  readonly value: (server: ServerView) => number | undefined;
  readonly tick?: (value: number) => string;
  readonly range?: readonly [number, number];
}

const breakerHeights: Readonly<Record<string, number>> = { closed: 0, "half-open": 1, open: 2, "forced-open": 2 };

const kinds: readonly ChartKind[] = [
  { title: "Answered calls", unit: "per second, through Minion", value: (server) => server.withMinion.callsPerSecond },
  { title: "Latency p95", unit: "ms, through Minion", value: (server) => server.withMinion.p95Ms },
  { title: "Answered calls", unit: "per second, bare SDK", value: (server) => server.bare?.callsPerSecond },
  {
    title: "Breaker",
    unit: "closed, half-open, open",
    value: (server) => breakerHeights[server.breaker] ?? 0,
    tick: (value) => ["closed", "half", "open"][value] ?? "",
    range: [-0.2, 2.2],
  },
  { title: "Calls in connections", unit: "pool occupancy", value: (server) => server.pool.busy },
  { title: "Lists served from the cache", unit: "since the start", value: (server) => server.cache.hits },
  { title: "Processes alive", unit: "started by Minion, and remote ones", value: (server) => server.processes },
];

/** The charts of the page, all over the same minute. */
export class Charts {
  readonly #home: HTMLElement;
  readonly #states: LiveState[] = [];
  #names = "";
  #plots: { readonly kind: ChartKind; readonly plot: uPlot; readonly figure: HTMLElement }[] = [];

  constructor(home: HTMLElement) {
    this.#home = home;
    new ResizeObserver(() => this.#resize()).observe(home);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#rebuild();
      this.draw();
    });
  }

  /** Forgets the past, as after a restart of the demo. */
  clear(): void {
    this.#states.length = 0;
  }

  add(state: LiveState): void {
    this.#states.push(state);
    if (this.#states.length > kept) this.#states.shift();
  }

  /** Draws what was added. */
  draw(): void {
    const last = this.#states.at(-1);
    if (last === undefined) return;
    const names = last.servers.map(({ name }) => name).join("\n");
    if (names !== this.#names) {
      this.#names = names;
      this.#rebuild();
    }
    for (const { kind, plot, figure } of this.#plots) {
      plot.setData(this.#data(kind));
      const summary = last.servers.map((server) => `${server.name} ${round(kind.value(server))}`).join(", ");
      figure.querySelector("[role=img]")?.setAttribute("aria-label", `${kind.title}, ${kind.unit}, now: ${summary}`);
    }
  }

  #data(kind: ChartKind): uPlot.AlignedData {
    const servers = this.#states.at(-1)?.servers ?? [];
    const series = servers.map(({ name }) =>
      this.#states.map((state) => {
        const server = state.servers.find((candidate) => candidate.name === name);
        return server === undefined ? null : (kind.value(server) ?? null);
      }),
    );
    return [this.#states.map(({ at }) => at / 1_000), ...series];
  }

  #rebuild(): void {
    for (const { plot } of this.#plots) plot.destroy();
    this.#home.replaceChildren();
    const servers = this.#states.at(-1)?.servers ?? [];
    this.#plots = kinds.map((kind) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      const unit = document.createElement("small");
      unit.textContent = kind.unit;
      caption.append(`${kind.title} `, unit);
      const canvas = document.createElement("div");
      canvas.setAttribute("role", "img");
      figure.append(caption, canvas);
      this.#home.append(figure);
      return { kind, figure, plot: new uPlot(optionsOf(kind, servers, figure.clientWidth), this.#data(kind), canvas) };
    });
  }

  #resize(): void {
    for (const { plot, figure } of this.#plots) plot.setSize(sizeIn(figure.clientWidth));
  }
}

function optionsOf(kind: ChartKind, servers: readonly ServerView[], width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const stroke = style.getPropertyValue("--quiet");
  const grid = { stroke: style.getPropertyValue("--line"), width: 1 };
  const [low, high] = kind.range ?? [];
  return {
    ...sizeIn(width),
    legend: { show: false },
    cursor: { show: false },
    scales: {
      y:
        low === undefined || high === undefined
          ? { range: (_, __, max) => [0, Math.max(max * 1.1, 1)] }
          : { range: [low, high] },
    },
    axes: [
      {
        stroke,
        grid,
        size: 28,
        values: (_, seconds) =>
          seconds.map((second) =>
            new Date(second * 1_000).toLocaleTimeString([], { minute: "2-digit", second: "2-digit" }),
          ),
      },
      {
        stroke,
        grid,
        size: 48,
        ...(kind.tick && {
          values: (_: uPlot, values: number[]) => values.map((value) => kind.tick?.(value) ?? ""),
          splits: [0, 1, 2],
        }),
      },
    ],
    series: [
      {},
      ...servers.map(({ name }, index) => ({
        label: name,
        stroke: colourOf(index),
        width: 2,
        points: { show: false },
      })),
    ],
  };
}

function sizeIn(width: number): { readonly width: number; readonly height: number } {
  return { width: Math.max(160, width - 20), height: 150 };
}

function round(value: number | undefined): string {
  return value === undefined ? "nothing" : String(Math.round(value * 10) / 10);
}
