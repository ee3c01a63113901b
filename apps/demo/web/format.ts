/** A duration for people, which no line break tears apart. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  if (ms < 0.1) return `${Math.round(ms * 1_000)}\u00a0µs`;
  if (ms < 10) return `${ms.toFixed(1)}\u00a0ms`;
  if (ms < 1_000) return `${Math.round(ms)}\u00a0ms`;
  return `${(ms / 1_000).toFixed(1)}\u00a0s`;
}

/** A time of day for people. */
export function timeOfDay(at: number): string {
  return new Date(at).toLocaleTimeString();
}

const palette: Record<"light" | "dark", readonly string[]> = {
  light: ["#0b6b58", "#b04a00", "#3a56b0", "#a1246b", "#6a6f00", "#6b3fa0", "#00698f", "#7a4b2a"],
  dark: ["#5fd0b5", "#ffa25c", "#8fa8ff", "#ff8cc6", "#d3d95c", "#c9a2ff", "#6fd3ff", "#e0b48c"],
};
const patterns: readonly (readonly number[])[] = [[], [9, 4], [2, 3], [10, 3, 2, 3]];

/** The colour of the nth server, told apart on the paper of the day. */
export function colourOf(index: number): string {
  const colours = palette[matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"];
  return colours[index % colours.length] ?? "gray";
}

/** The same colour for a style sheet, which follows the paper by itself. */
export function cssColourOf(index: number): string {
  const [light, dark] = [palette.light, palette.dark].map((colours) => colours[index % colours.length]);
  return `light-dark(${light}, ${dark})`;
}

/** The dashes of the nth server's line: with its colour they are another's only after 32 servers. */
export function patternOf(index: number): readonly number[] {
  return patterns[(index + Math.floor(index / palette.light.length)) % patterns.length] ?? [];
}

const svg = "http://www.w3.org/2000/svg";

/** A short line in the colour and the pattern of the nth server. */
export function lineSample(index: number): SVGSVGElement {
  const sample = document.createElementNS(svg, "svg");
  sample.setAttribute("class", "sample");
  sample.setAttribute("viewBox", "0 0 36 6");
  sample.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(svg, "path");
  line.setAttribute("d", "M0 3H36");
  line.setAttribute("stroke-dasharray", patternOf(index).join(" "));
  sample.append(line);
  sample.style.setProperty("--colour", cssColourOf(index));
  return sample;
}
