import type { Bound, Check, Unit } from "./row.js";

/** A figure with its unit, three digits long, in the largest unit that leaves at least 1 before the point. */
export function formatFigure(value: number, unit: Unit): string {
  if (Number.isNaN(value)) return "not measured";
  switch (unit) {
    case "ns":
      return scaled(value, ["ns", "us", "ms", "s"], 1000);
    case "ms":
      return scaled(value * 1e6, ["ns", "us", "ms", "s"], 1000);
    case "B":
      return scaled(value, ["B", "KB", "MB", "GB"], 1000);
    case "MB":
      return `${digits(value)} MB`;
    case "per s":
      return `${digits(value)}/s`;
    case "x":
      return `${digits(value)}x`;
    case "count":
      return digits(value);
  }
}

function scaled(value: number, units: readonly string[], step: number): string {
  let index = 0;
  let rest = value;
  while (Math.abs(rest) >= step && index < units.length - 1) {
    rest /= step;
    index += 1;
  }
  return `${digits(rest)} ${units[index]}`;
}

/** Three significant digits, two below 1, all of them before the point, thousands apart. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) < 1) return String(Number(value.toPrecision(2)));
  const places = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(places).replace(/\B(?=(\d{3})+$)/g, places === 0 ? "," : "");
}

export function formatBound(bound: Bound, unit: Unit): string {
  return "atMost" in bound ? `<= ${formatFigure(bound.atMost, unit)}` : `>= ${formatFigure(bound.atLeast, unit)}`;
}

/** `0.41x cockatiel`, `3 timers started`. */
export function formatCheck({ of, unit, value }: Check): string {
  return `${formatFigure(value, unit)} ${of}`;
}
