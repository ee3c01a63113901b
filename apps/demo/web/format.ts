/** A duration for people. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return "–";
  if (ms < 0.1) return `${Math.round(ms * 1_000)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(1)} s`;
}

const palette: Record<"light" | "dark", readonly string[]> = {
  light: ["#0b6b58", "#b04a00", "#3a56b0", "#a1246b", "#6a6f00", "#6b3fa0"],
  dark: ["#5fd0b5", "#ffa25c", "#8fa8ff", "#ff8cc6", "#d3d95c", "#c9a2ff"],
};

/** The colour of the nth server, told apart on the paper of the day. */
export function colourOf(index: number): string {
  const colours = palette[matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"];
  return colours[index % colours.length] ?? "gray";
}
