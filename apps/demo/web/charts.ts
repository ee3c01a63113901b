import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { LiveState, ServerView } from "../src/live-state.js";
import { type ChartKind, ownCharts, playgroundCharts } from "./chart-kinds.js";
import { make } from "./element.js";
import { colourOf, patternOf } from "./format.js";
import { drawLineLabels, labelWidth } from "./line-labels.js";

/** A minute and a bit at two states a second. */
const kept = 130;

/** The charts of the page, all over the same minute. */
export class Charts {
  readonly #home: HTMLElement;
  readonly #states: LiveState[] = [];
  #names = "";
  #alone: string | undefined;
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

  /** Shows the lines of one server alone, or those of all. */
  showAlone(name: string | undefined): void {
    this.#alone = name;
    const servers = this.#states.at(-1)?.servers ?? [];
    for (const { plot } of this.#plots)
      for (const [index, server] of servers.entries()) plot.setSeries(index + 1, { show: this.#shows(server) });
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
      const shown = last.servers.filter((server) => this.#shows(server));
      const summary = shown.map((server) => `${server.name} ${round(kind.value(server))}`).join(", ");
      figure.querySelector("[role=img]")?.setAttribute("aria-label", `${kind.title}, ${kind.unit}, now: ${summary}`);
    }
  }

  #shows({ name }: ServerView): boolean {
    return this.#alone === undefined || this.#alone === name;
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
    const last = this.#states.at(-1);
    if (last === undefined) return;
    const { servers } = last;
    const kinds = last.configuration === undefined ? playgroundCharts : ownCharts;
    this.#plots = kinds.map((kind) => {
      const figure = make("figure");
      const caption = make("figcaption", "", `${kind.title} `);
      caption.append(make("small", "", kind.unit), make("span", "explanation", kind.explanation));
      const canvas = make("div");
      canvas.setAttribute("role", "img");
      figure.append(caption, canvas);
      this.#home.append(figure);
      const options = optionsOf(kind, servers, figure.clientWidth);
      return { kind, figure, plot: new uPlot(options, this.#data(kind), canvas) };
    });
    this.showAlone(this.#alone);
  }

  #resize(): void {
    const lines = this.#states.at(-1)?.servers.length ?? 0;
    for (const { plot, figure } of this.#plots) plot.setSize(sizeIn(figure.clientWidth, lines));
  }
}

function optionsOf(kind: ChartKind, servers: readonly ServerView[], width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const stroke = style.getPropertyValue("--quiet");
  const grid = { stroke: style.getPropertyValue("--line"), width: 1 };
  const [low, high] = kind.range ?? [];
  return {
    ...sizeIn(width, servers.length),
    padding: [8, labelWidth, 0, 0],
    hooks: { draw: [drawLineLabels] },
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
        size: 60,
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
        dash: [...patternOf(index)],
        points: { show: false },
      })),
    ],
  };
}

/** There is room for the name of each line. */
function sizeIn(width: number, lines: number): { readonly width: number; readonly height: number } {
  return { width: Math.max(200, width - 20), height: Math.max(160, 60 + 13 * lines) };
}

function round(value: number | undefined): string {
  return value === undefined ? "nothing" : String(Math.round(value * 10) / 10);
}
