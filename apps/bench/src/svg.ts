import { digits } from "./format.js";
import type { Growth } from "./growth.js";
import { logScale } from "./terminal.js";

const size = { width: 720, height: 380, left: 84, right: 190, top: 44, bottom: 56 };
const colours = ["#1f6feb", "#b35900", "#6e7781", "#8250df", "#1a7f37"];

/** The plot as a picture of its own, readable on a light and on a dark page. */
export function drawGrowth(growth: Growth): string {
  const points = growth.series.flatMap((series) => series.points);
  const x = logScale(points.map(([at]) => at));
  const y = logScale(points.map(([, cost]) => cost));
  const plot = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };
  const across = (value: number): string => (size.left + x.place(value) * plot.width).toFixed(1);
  const down = (value: number): string => (size.top + (1 - y.place(value)) * plot.height).toFixed(1);
  const floor = size.top + plot.height;

  const verticals = [...new Set(points.map(([at]) => at))].map(
    (at) =>
      `<line x1="${across(at)}" y1="${size.top}" x2="${across(at)}" y2="${floor}" stroke="#d0d7de"/>` +
      text(Number(across(at)), floor + 20, digits(at), "middle"),
  );
  const horizontals = steps(y.min, y.max).map(
    (cost) =>
      `<line x1="${size.left}" y1="${down(cost)}" x2="${size.left + plot.width}" y2="${down(cost)}" stroke="#d0d7de"/>` +
      text(size.left - 8, Number(down(cost)) + 4, digits(cost), "end"),
  );
  const lines = growth.series.map((series, index) => {
    const colour = colours[index % colours.length];
    const path = series.points.map(([at, cost]) => `${across(at)},${down(cost)}`).join(" ");
    const dots = series.points.map(
      ([at, cost]) => `<circle cx="${across(at)}" cy="${down(cost)}" r="4" fill="${colour}"/>`,
    );
    const legend = size.top + 12 + index * 22;
    const swatch = `<rect x="${size.width - size.right + 20}" y="${legend - 10}" width="12" height="12" fill="${colour}"/>`;
    const name = text(size.width - size.right + 40, legend, series.name, "start");
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join("")}${swatch}${name}`;
  });

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="sans-serif" font-size="13" role="img" aria-label="${escaped(growth.title)}">`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${size.left}" y="24" font-size="15" font-weight="bold" fill="#1f2328">${escaped(growth.title)}</text>`,
    ...verticals,
    ...horizontals,
    ...lines,
    text(size.left + plot.width / 2, size.height - 12, `${growth.xLabel} (both axes logarithmic)`, "middle"),
    `<text transform="translate(18 ${size.top + plot.height / 2}) rotate(-90)" text-anchor="middle" fill="#1f2328">${escaped(growth.yLabel)}</text>`,
    "</svg>",
    "",
  ].join("\n");
}

/** 1, 2 and 5 times the powers of ten within the range, with its ends where there are fewer than two. */
function steps(min: number, max: number): readonly number[] {
  const found: number[] = [];
  for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power += 1)
    for (const factor of [1, 2, 5]) {
      const step = factor * 10 ** power;
      if (step >= min && step <= max) found.push(step);
    }
  return found.length >= 2 ? found : [min, max];
}

function text(x: number, y: number, content: string, anchor: "start" | "middle" | "end"): string {
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="#1f2328">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}
